// Guests that were ended because their move broke: what was left of them on this host was no whole guest, or may have run elsewhere since. Pure.
import type { HostBinding } from '../../schemas/index.ts'

/** Why what waits at the source of a move is given up (`source-ends.ts`), and the guest starts anew from its disks. */
export const GIVEN_UP = ['PostCopyFailed', 'StartedAnew'] as const
export type GivenUp = (typeof GIVEN_UP)[number]

export interface Words<R extends string = string> {
  readonly reason: R
  readonly message: string
}

export const SPLIT: Words<GivenUp> = {
  reason: 'PostCopyFailed',
  message: 'parts of the guest were on both hosts when the move broke: it is started anew by its run policy',
}

/** libvirt 9.0 calls a post-copy broken whose guest QEMU has given back, and keeps its job for good. */
export const KEPT_JOB: Words<GivenUp> = {
  reason: 'PostCopyFailed',
  message: 'libvirt does not end the post-copy that broke: the guest is started anew by its run policy',
}

/**
 * When the last move of a machine of this host ended its guest here, by the host's clock: ms since the epoch; null when it did not. It stays
 * so after the scheduler has closed the move, until the next one.
 */
export function brokenAt(binding: HostBinding | null): number | null {
  const { phase, reason, endTime } = binding?.status?.migration ?? {}
  if (phase !== 'Failed' || !(GIVEN_UP as readonly (string | undefined)[]).includes(reason)) return null
  return endTime === undefined || endTime === null ? null : Date.parse(endTime)
}
