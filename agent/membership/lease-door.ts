// How the keeper of the lease asks the scheduler of this host's cluster.
import type { LeaseAnswer } from '../../schemas/index.ts'
import { CLUSTER_GROUP } from '../../schemas/index.ts'
import type { Membership as LeaseDoor } from '../cluster/lease.ts'
import type { Membership } from './membership.ts'

/** Null while the host belongs to no cluster. */
export function leaseDoor({ member, scheduler }: Pick<Membership, 'member' | 'scheduler'>): LeaseDoor | null {
  if (member === null || scheduler === null) return null
  return {
    url: member.server,
    renew: async (ask, signal) =>
      (await scheduler.transport.json({
        method: 'POST',
        path: `/apis/${CLUSTER_GROUP}/v1/leaserenewals`,
        body: { apiVersion: `${CLUSTER_GROUP}/v1`, kind: 'LeaseRenewal', ...ask },
        signal,
      })) as LeaseAnswer,
  }
}
