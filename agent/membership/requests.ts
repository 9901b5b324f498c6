// What whoever may do everything on this host asks of it: to join a cluster, and to leave it.
import type { VirtualKind } from '../../lib/apiserver/virtual.ts'
import {
  JOIN_REQUEST,
  type JoinRequestAsk,
  LEAVE_REQUEST,
  type LeaveRequestAsk,
} from '../../schemas/cluster/membership.ts'
import type { Membership } from './membership.ts'

export const membershipRequests = (membership: Membership): readonly VirtualKind[] => [
  {
    kind: JOIN_REQUEST,
    answer: async ({ object }) => ({ ...(await membership.join(object as unknown as JoinRequestAsk)) }),
  },
  {
    kind: LEAVE_REQUEST,
    answer: async ({ object }) => ({ ...(await membership.leave(object as unknown as LeaveRequestAsk)) }),
  },
]
