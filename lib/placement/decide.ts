// One decision: every known host through all filters, those that are fit through all scores, the best one is it.
import type { Cluster } from './cluster.ts'
import type { Ask } from './facts.ts'
import { Question } from './question.ts'
import type { HostVerdict } from './ranking.ts'
import { countRefusals, type RefusalCount, refusedWords } from './refused.ts'

export interface Chosen {
  readonly node: string
  readonly score: number
  /** `the best of 2 of 3 nodes, 1 refused` */
  readonly message: string
  /** What was found of every host, the best first, then the refused ones by name; made when asked for. */
  hosts(): readonly HostVerdict[]
}

export interface Refused {
  readonly node: null
  readonly reasons: readonly RefusalCount[]
  /** `0/3 nodes: 2 insufficient memory (needs 2.1 GiB, 1 GiB free at best), 1 cordoned` */
  readonly message: string
  hosts(): readonly HostVerdict[]
}

export type Decision = Chosen | Refused

export interface DecideOptions {
  /** Gives the VM its place at once, so that the next decision counts it (the default). With `migrate` a second place. */
  readonly reserve?: boolean
}

/**
 * Where a VM goes, or in words why nowhere. The place that it has does not count against it. Ties are broken by the host's name, so equal
 * facts give equal decisions. Reasons are made when asked for, and are those of this moment whatever happens later.
 */
export function decide(cluster: Cluster, ask: Ask, { reserve = true }: DecideOptions = {}): Decision {
  const question = questionOf(cluster, ask)
  const { best } = question
  if (best !== null && reserve) {
    if (ask.migrate === true) cluster.alsoPlace(ask.vm, best.node)
    else cluster.place(ask.vm, best.node)
  }
  cluster.trim()
  return best === null ? new Nowhere(question) : new Somewhere(question, best)
}

/** Every host with all of its reasons against the VM, or with its score. Reserves nothing. */
export const explain = (cluster: Cluster, ask: Ask): readonly HostVerdict[] => questionOf(cluster, ask).verdicts('all')

/** Names of the hosts that are fit, the best first. */
export const fitHosts = (cluster: Cluster, ask: Ask): readonly string[] => questionOf(cluster, ask).order()

/** As if the VM had no place. */
const questionOf = (cluster: Cluster, ask: Ask): Question =>
  withoutItself(cluster, ask, () => new Question(cluster, ask))

/** Runs `work` as if the VM had no place. */
export function withoutItself<T>(cluster: Cluster, { vm }: Ask, work: () => T): T {
  if (cluster.vm(vm.uid) === null) return work()
  return cluster.whatIf(() => {
    cluster.release(vm.uid)
    return work()
  })
}

class Somewhere implements Chosen {
  readonly node: string
  readonly score: number
  readonly #question: Question

  constructor(question: Question, { node, score }: Pick<Chosen, 'node' | 'score'>) {
    this.node = node
    this.score = score
    this.#question = question
  }

  get message(): string {
    const { fit, of } = this.#question
    return `the best of ${fit} of ${of} nodes${fit === of ? '' : `, ${of - fit} refused`}`
  }

  hosts(): readonly HostVerdict[] {
    return this.#question.verdicts('first')
  }
}

class Nowhere implements Refused {
  readonly node = null
  readonly #question: Question
  #reasons: readonly RefusalCount[] | undefined

  constructor(question: Question) {
    this.#question = question
  }

  get reasons(): readonly RefusalCount[] {
    this.#reasons ??= countRefusals(this.#question.refusals())
    return this.#reasons
  }

  get message(): string {
    return refusedWords(this.#question.of, this.reasons)
  }

  hosts(): readonly HostVerdict[] {
    return this.#question.verdicts('first')
  }
}
