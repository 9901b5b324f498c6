// What other hosts may ask of this one about a migration, and who may ask.

import type { Caller } from '../../lib/apiserver/auth/caller.ts'
import { MASTERS, NODES_GROUP } from '../../lib/apiserver/auth/caller.ts'
import type { VirtualKind } from '../../lib/apiserver/virtual.ts'
import { ApiError } from '../../lib/errors.ts'
import {
  type HandoverAnswer,
  type HandoverAsk,
  MIGRATION_HANDOVER,
  type MigrationHandover,
  SCHEDULERS_GROUP,
} from '../../schemas/index.ts'
import { nodeUser } from '../images/peer-connection.ts'
import type { MoveBinding } from './records.ts'

export interface HandoverSide {
  binding(uid: string): MoveBinding | null
  manifest(uid: string): Promise<NonNullable<HandoverAnswer['manifest']>>
  answer(uid: string, ask: HandoverAsk): Promise<HandoverAnswer>
}

/** `side`: @throws ApiError ServiceUnavailable, in words, while virtual machines are not looked after. */
export const handoverKind = (side: () => HandoverSide): VirtualKind => ({
  kind: MIGRATION_HANDOVER,
  audience: 'nodes',
  answer: async ({ object, caller }) => {
    const { uid, id, ask, cookie, xml, pausedMs, sinceMs } = object as MigrationHandover
    const asked: HandoverAsk = {
      uid,
      id,
      ask,
      ...(cookie === undefined ? {} : { cookie }),
      ...(xml === undefined ? {} : { xml }),
      ...(pausedMs === undefined ? {} : { pausedMs }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
    }
    const here = side()
    refuseIf(handoverRefusal(asked, caller, here.binding(uid)))
    const answer: HandoverAnswer =
      ask === 'manifest' ? { phase: 'Preparing', manifest: await here.manifest(uid) } : await here.answer(uid, asked)
    return { uid, id, ask, ...answer }
  },
})

/**
 * In words; null when the caller may ask that. What a machine is made of any host of the cluster may know, as it may have the content by
 * its digest; it tells the target before this host hears of the migration. All else is between the two hosts of one migration; the
 * scheduler may look, and give up. Pure.
 */
export function handoverRefusal(
  { ask, id }: HandoverAsk,
  { user, groups }: Pick<Caller, 'user' | 'groups'>,
  binding: MoveBinding | null,
): string | null {
  if (ask === 'manifest')
    return [NODES_GROUP, SCHEDULERS_GROUP, MASTERS].some((group) => groups.includes(group))
      ? null
      : `${user} is no host of this cluster`
  const watches = ask === 'state' || ask === 'abort'
  if (watches && [SCHEDULERS_GROUP, MASTERS].some((group) => groups.includes(group))) return null
  const move = binding?.spec.migration
  // An old question after a newer migration: its answer is "not known", whoever asks from the cluster.
  if (move === undefined || move.id !== id)
    return watches && groups.includes(NODES_GROUP) ? null : `no migration ${id} of that machine is known here`
  if (move.side !== 'Target') return `this host is the source of the migration ${id}, not its target`
  return user === nodeUser(move.peer.node)
    ? null
    : `${user} has no part in the migration ${id}, whose source is ${move.peer.node}`
}

function refuseIf(words: string | null): void {
  if (words !== null) throw new ApiError('Forbidden', words)
}
