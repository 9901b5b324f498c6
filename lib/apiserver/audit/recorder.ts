// Which requests go into the audit log, and as what. Pure but for the file that it writes to.
import type { Attributes } from '../auth/attributes.ts'
import type { Exchange, Observe, Outcome } from '../auth/observe.ts'
import { type AuditEvent, type AuditObject, auditUri, brief, microTime } from './event.ts'

export interface AuditPolicy {
  /** Successful reads too. Without it only those of Secrets are recorded. */
  readonly reads: boolean
}

/** Each host says every few seconds that it lives: a record of each would bury all others. */
const HEARTBEATS: readonly string[] = ['leaserenewals']
const READS: readonly string[] = ['get', 'list', 'watch', 'head', 'options']
const UNAUTHENTICATED = 401
const TOO_MANY = 429

/**
 * Recorded are writes, streams, reads of Secrets, and everything that was refused or failed; other reads when the policy says so.
 * Refusals of those who were told to slow down are not: whoever sends them decides how many there are. Nor are leases that were renewed.
 */
export function isAudited({ caller, attributes }: Exchange, { stage, code }: Outcome, policy: AuditPolicy): boolean {
  if (caller?.via === 'in-process' || code === TOO_MANY) return false
  if (code >= 400) return code !== 404 || !isRead(attributes)
  if (HEARTBEATS.includes(attributes?.resource?.resource ?? '')) return false
  if (isRead(attributes) && !isSensitive(attributes)) return policy.reads
  return stage === 'ended' || isLong(attributes, code)
}

const isRead = (attributes: Attributes | null): boolean => attributes === null || READS.includes(attributes.verb)

/** Reads that give away or open something: Secrets, and every stream into a guest. */
const isSensitive = (attributes: Attributes | null): boolean =>
  attributes?.resource?.resource === 'secrets' ||
  (attributes?.resource?.group.startsWith('subresources.') === true && attributes.resource.subresource !== '')

const isLong = (attributes: Attributes | null, code: number): boolean => code === 101 || attributes?.verb === 'watch'

export function auditEventOf(exchange: Exchange, { stage, code, durationMs }: Outcome, now: number): AuditEvent {
  const { caller, attributes, id, url, userAgent, client } = exchange
  const object = attributes === null ? undefined : objectOf(attributes, exchange.objectName)
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: id,
    stage: stage === 'started' ? 'ResponseStarted' : 'ResponseComplete',
    requestURI: auditUri(url),
    verb: attributes?.verb ?? exchange.method.toLowerCase(),
    user: caller === null ? { username: 'system:anonymous' } : { username: caller.user, groups: caller.groups },
    sourceIPs: [client],
    ...(userAgent === '' ? {} : { userAgent: brief(userAgent) }),
    ...(object === undefined ? {} : { objectRef: object }),
    responseStatus: code === UNAUTHENTICATED ? { code, reason: 'Unauthorized' } : { code },
    requestReceivedTimestamp: microTime(now - durationMs),
    stageTimestamp: microTime(now),
    annotations: { 'berth/duration-seconds': (durationMs / 1000).toFixed(3) },
  }
}

function objectOf({ resource }: Attributes, created: string | undefined): AuditObject | undefined {
  if (resource === null) return undefined
  const name = resource.name === '' ? created : resource.name
  return {
    resource: resource.resource,
    ...(resource.subresource === '' ? {} : { subresource: resource.subresource }),
    ...(resource.namespace === '' ? {} : { namespace: resource.namespace }),
    ...(name === undefined ? {} : { name }),
    ...(resource.group === '' ? {} : { apiGroup: resource.group }),
    apiVersion: resource.version,
  }
}

/** The observer to give to the server. */
export const auditing =
  (file: { record(event: AuditEvent): void }, policy: AuditPolicy, clock: { now(): number }): Observe =>
  (exchange, outcome) => {
    if (isAudited(exchange, outcome, policy)) file.record(auditEventOf(exchange, outcome, clock.now()))
  }
