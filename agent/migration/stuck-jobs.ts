// Transfers of agents that are gone, which libvirt was told to end. One that it calls a broken post-copy, although QEMU has given the guest back, it
// never ends (libvirt 9.0): the machine could not be moved or changed any more.
import type { Clock } from '../../lib/clock.ts'

/** An end takes moments; a busy host some seconds. */
export const STUCK_MS = 15_000

export class StuckJobs {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** By uid: since when it is told, for which migration. */
  readonly #told = new Map<string, { readonly id: string; readonly at: number }>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** libvirt is told to end it. */
  told(uid: string, id: string): void {
    if (this.#told.get(uid)?.id !== id) this.#told.set(uid, { id, at: this.#clock.monotonic() })
  }

  /** Whether that was long ago, of one that is still there. */
  isStuck(uid: string, id: string): boolean {
    const told = this.#told.get(uid)
    return told?.id === id && this.#clock.monotonic() - told.at >= STUCK_MS
  }

  forget(uid: string): void {
    this.#told.delete(uid)
  }
}
