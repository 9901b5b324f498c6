// What this agent last tried with each machine. It only spaces out the trying, and what is told of it: a new agent begins anew.
import type { Attempt, DeviceStep } from './hotplug.ts'
import type { DomainState } from './observe.ts'
import { isActive } from './plan.ts'

export interface Tried {
  /** ms since the epoch of the last shutdown signal of the stop under way; null: none was sent. */
  readonly lastSignal: number | null
  /** ms since the epoch when a guest was last let go on that a failed write had stopped; null: it was not. */
  readonly lastResume: number | null
  /** By uid: block devices that would not come or go. */
  readonly attempts: ReadonlyMap<string, Attempt>
}

export class Tries {
  /** By uid of the machine. */
  readonly #signals = new Map<string, number>()
  readonly #resumes = new Map<string, number>()
  readonly #attempts = new Map<string, Map<string, Attempt>>()

  of(uid: string): Tried {
    return {
      lastSignal: this.#signals.get(uid) ?? null,
      lastResume: this.#resumes.get(uid) ?? null,
      attempts: this.#attempts.get(uid) ?? new Map(),
    }
  }

  /** What was tried with a machine that was in another state is over. Null: libvirt knows none. */
  isIn(uid: string, state: DomainState | null): void {
    if (state !== 'paused') this.#resumes.delete(uid)
    if (isActive(state)) return
    this.#signals.delete(uid)
    this.#attempts.delete(uid)
  }

  /** @returns whether it is the first signal of this stop */
  signals(uid: string, now: number): boolean {
    const isFirst = !this.#signals.has(uid)
    this.#signals.set(uid, now)
    return isFirst
  }

  /** @returns whether it is the first time since the guest runs */
  resumes(uid: string, now: number): boolean {
    const isFirst = !this.#resumes.has(uid)
    this.#resumes.set(uid, now)
    return isFirst
  }

  /** @param fault libvirt's words when it refused; null when it took the order @returns whether that is news */
  device(uid: string, step: Pick<DeviceStep, 'do' | 'uid'>, fault: string | null, now: number): boolean {
    const attempts = this.#attempts.get(uid) ?? new Map<string, Attempt>()
    this.#attempts.set(uid, attempts)
    const made = attempts.get(step.uid)
    const last = made?.step === step.do ? made : undefined
    attempts.set(step.uid, { step: step.do, since: last?.since ?? now, at: now, fault })
    return fault === null ? last === undefined : fault !== last?.fault
  }

  /** @param open uids of block devices that have yet to come or go; the others are forgotten */
  keepOnly(uid: string, open: ReadonlySet<string>): void {
    const attempts = this.#attempts.get(uid)
    for (const device of attempts?.keys() ?? []) if (!open.has(device)) attempts?.delete(device)
  }
}
