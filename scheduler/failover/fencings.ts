// Fencing commands under way. Kept in memory alone: a restarted scheduler fences again, which does no harm to a host that is off.
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { FenceCommand } from './fence.ts'
import type { Fencing } from './plan-hosts.ts'

const NONE: Fencing = { state: 'none' }

/** Called when a command has ended. */
export type FencingEnded = (node: string, outcome: 'succeeded' | 'failed') => void

export class Fencings {
  readonly #command: FenceCommand
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #known = new Map<string, Fencing>()
  readonly #stopping = new AbortController()
  readonly #ended: FencingEnded

  constructor(command: FenceCommand, clock: Pick<Clock, 'monotonic'>, ended: FencingEnded) {
    this.#command = command
    this.#clock = clock
    this.#ended = ended
  }

  has(node: string): boolean {
    return this.#command.has(node)
  }

  of(node: string): Fencing {
    return this.#known.get(node) ?? NONE
  }

  /** Runs the command, unless it runs. */
  begin(node: string): void {
    if (this.of(node).state === 'running' || this.#stopping.signal.aborted) return
    const since = this.#clock.monotonic()
    const mine: Fencing = { state: 'running', since }
    this.#known.set(node, mine)
    // Forgotten meanwhile: the host was heard, and what the command says of it is of the past.
    const end = (fencing: Fencing) => {
      if (this.#known.get(node) === mine) this.#known.set(node, fencing)
      this.#ended(node, fencing.state === 'done' ? 'succeeded' : 'failed')
    }
    this.#command.fence(node, this.#stopping.signal).then(
      (message) => end({ state: 'done', since, message }),
      (error: unknown) => end({ state: 'failed', at: this.#clock.monotonic(), message: messageOf(error) }),
    )
  }

  /** The host is heard. */
  forget(node: string): void {
    this.#known.delete(node)
  }

  stop(): void {
    this.#stopping.abort(new Error('the scheduler is stopping'))
  }
}
