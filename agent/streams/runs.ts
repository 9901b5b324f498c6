// Tells connections into a guest when its run ends: nothing says so on the connection itself, the guest's host just falls silent.
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { Change } from '../../lib/store/store.ts'
import type { Machine } from './machines.ts'

/** Phases without a running guest. */
const OFF = ['Pending', 'Starting', 'Stopped']

/** The reason of a run's signal. */
export class RunEnded extends Error {
  override readonly name = 'RunEnded'

  constructor() {
    super('the virtual machine stopped')
  }
}

export interface Run {
  /** Aborted with {@link RunEnded}. */
  readonly signal: AbortSignal
  /** The connection is over; to be called once. */
  release(): void
}

export class Runs {
  /** By uid. */
  readonly #open = new Map<string, Set<AbortController>>()

  constructor(reader: Pick<Reader, 'onChange'>) {
    reader.onChange((change) => {
      if (this.#open.size > 0) this.#hear(change)
    })
  }

  /** How many connections the machine's run has. */
  count(uid: string): number {
    return this.#open.get(uid)?.size ?? 0
  }

  join(uid: string): Run {
    const controller = new AbortController()
    const members = this.#open.get(uid) ?? new Set()
    this.#open.set(uid, members.add(controller))
    return {
      signal: controller.signal,
      release: () => {
        members.delete(controller)
        if (members.size === 0 && this.#open.get(uid) === members) this.#open.delete(uid)
      },
    }
  }

  #hear(change: Change): void {
    const { previous } = change
    if (previous === null || previous.kind !== 'VirtualMachine') return
    const members = this.#open.get(previous.metadata.uid)
    if (members === undefined) return
    const now = change.type === 'delete' ? 'Stopped' : phaseOf(change.entry.value)
    if (!OFF.includes(now) || OFF.includes(phaseOf(previous))) return
    for (const controller of [...members]) controller.abort(new RunEnded())
  }
}

const phaseOf = (object: KubeObject): string => (object as Machine).status?.phase ?? 'Pending'
