// Who is who in a cluster: names in the certificates that a scheduler's authority signs, and the names under which servers are asked for.
import { SCHEDULER_USER, SCHEDULERS_GROUP } from '../../schemas/cluster/bound.ts'
import { JOINERS_GROUP, NODES_GROUP } from '../apiserver/auth/caller.ts'

export { JOINERS_GROUP, NODES_GROUP, SCHEDULER_USER, SCHEDULERS_GROUP }

const NODE_USER = 'system:node:'
const DOMAIN = 'cluster.berth'

/** The user of a host's certificate. */
export const nodeUser = (node: string): string => `${NODE_USER}${node}`

/** The host whose user that is, null for others. */
export const nodeOfUser = (user: string): string | null =>
  user.startsWith(NODE_USER) ? user.slice(NODE_USER.length) : null

/** A common name in X.509 has 64 characters at most. */
export const MAX_NODE_NAME = 64 - NODE_USER.length

/**
 * The TLS server name (SNI) by which a client asks a scheduler for its certificate of the cluster. Not in any DNS: addresses are known
 * otherwise, and the certificate that users see is another.
 */
export const SCHEDULER_SERVER_NAME = `scheduler.${DOMAIN}`

/** The same of a host's agent. */
export const nodeServerName = (node: string): string => `${node}.node.${DOMAIN}`

/** Whether only a cluster's own authority may name this user or one of these groups. */
export const isClusterIdentity = (user: string, groups: readonly string[]): boolean =>
  user === SCHEDULER_USER ||
  nodeOfUser(user) !== null ||
  groups.some((group) => group === NODES_GROUP || group === SCHEDULERS_GROUP)

/** Whether a user and its groups are what a cluster's authority signs for hosts and schedulers. */
export const fitsCluster = (user: string, groups: readonly string[]): boolean => {
  const [group, ...more] = groups
  if (more.length > 0) return false
  return user === SCHEDULER_USER ? group === SCHEDULERS_GROUP : nodeOfUser(user) !== null && group === NODES_GROUP
}
