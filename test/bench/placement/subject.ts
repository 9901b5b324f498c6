// A process of its own that fills a cluster and decides. Told what by its argument, it prints figures as JSON.
import { type Decision, decide } from '../../../lib/placement/index.ts'
import { filledCluster, type Kind, machineOf, type Size, tooBig } from './cloud.ts'

export interface Task extends Size {
  readonly kinds: readonly Kind[]
  readonly decisions: number
  /** Before anything counts. */
  readonly warmUp: number
}

export interface KindFigures {
  readonly kind: Kind
  /** Of each decision, in ms by the clock. */
  readonly ms: readonly number[]
  /** Of each decision, in ms of the core's time: what somebody else does with the core meanwhile is not in it. */
  readonly cpu: readonly number[]
  readonly refused: number
  /** Of all decisions, with collecting garbage; in ms. */
  readonly wallMs: number
  readonly cpuMs: number
}

export interface Figures {
  /** What the filled cluster takes of the heap, with the facts of its VMs. */
  readonly heapMiB: number
  readonly fillMs: number
  readonly kinds: readonly KindFigures[]
}

/** One in so many is refused by every host, with its reasons in words. */
const REFUSED = 20
/** Decisions whose reasons are kept, as a controller keeps those that it is about to store. */
const KEPT = 64

function collected(): number {
  if (globalThis.gc === undefined) throw new Error('this program needs node --expose-gc')
  globalThis.gc()
  return process.memoryUsage().heapUsed / 1_048_576
}

function measure(task: Task): Figures {
  const empty = collected()
  const begun = performance.now()
  const cluster = filledCluster(task)
  const fillMs = performance.now() - begun
  const heapMiB = collected() - empty
  // Numbers of their own, so that no group of the filled cluster gets larger.
  let next = task.hosts * task.perHost + 6
  const kept: Decision[] = []
  let words = 0
  const one = (kind: Kind): boolean => {
    const number = next++
    const vm = number % REFUSED === 0 ? tooBig(number, kind) : machineOf(number, kind)
    const decision = decide(cluster, { vm })
    kept[number % KEPT] = decision
    words += decision.message.length
    return decision.node !== null
  }
  const kinds = task.kinds.map((kind): KindFigures => {
    for (let index = 0; index < task.warmUp; index += 1) one(kind)
    const first = next
    const [ms, each]: [number[], number[]] = [[], []]
    let refused = 0
    collected()
    const cpu = process.cpuUsage()
    const start = performance.now()
    for (let index = 0; index < task.decisions; index += 1) {
      const [at, used] = [performance.now(), process.cpuUsage()]
      if (!one(kind)) refused += 1
      const { user, system } = process.cpuUsage(used)
      ms.push(performance.now() - at)
      each.push((user + system) / 1000)
    }
    const wallMs = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    for (let number = first - task.warmUp; number < next; number += 1) cluster.release(`uid-${kind}-${number}`)
    return { kind, ms, cpu: each, refused, wallMs, cpuMs: (user + system) / 1000 }
  })
  if (words === 0) throw new Error('no reason was said')
  return { heapMiB, fillMs, kinds }
}

process.stdout.write(JSON.stringify(measure(JSON.parse(process.argv[2] ?? '{}') as Task)))
