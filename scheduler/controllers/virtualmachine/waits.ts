// Why machines wait for a host, one reason each, for those who count them.
import type { Decision, FilterName } from '../../../lib/placement/index.ts'

/**
 * A rule by which hosts refuse it, or: `Undecided`: it is new; `Frozen`: this scheduler may not decide; `Group`: its group cannot be placed whole;
 * `Preemption`: others stop to make room; `Missing`: what it refers to is not there; `Leaving`: a host has not let it go; `OwnHost`: there is no
 * room on the host that it keeps; `NoHosts`: the cluster has none.
 */
export type WaitReason =
  | FilterName
  | 'Undecided'
  | 'Frozen'
  | 'Group'
  | 'Preemption'
  | 'Missing'
  | 'Leaving'
  | 'OwnHost'
  | 'NoHosts'

export class Waits {
  readonly #reasons = new Map<string, WaitReason>()

  /** @param key `namespace/name` */
  set(key: string, reason: WaitReason): void {
    this.#reasons.set(key, reason)
  }

  /** It is new in the line, unless it waits there. */
  begin(key: string): void {
    if (!this.#reasons.has(key)) this.#reasons.set(key, 'Undecided')
  }

  /** What was decided of one that waits; it may have gone meanwhile. */
  change(key: string, reason: WaitReason): void {
    if (this.#reasons.has(key)) this.#reasons.set(key, reason)
  }

  end(key: string): void {
    this.#reasons.delete(key)
  }

  counts(): ReadonlyMap<WaitReason, number> {
    const counts = new Map<WaitReason, number>()
    for (const reason of this.#reasons.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1)
    return counts
  }
}

/** The rule by which most hosts refuse it. */
export const waitReasonOf = (decision: Extract<Decision, { readonly node: null }>): WaitReason =>
  decision.reasons[0]?.filter ?? 'NoHosts'
