// One line of the audit log: an `audit.k8s.io/v1` Event at level Metadata, as tools for Kubernetes read it. Bodies are never in it, so
// no secret can be.

export type AuditStage = 'ResponseStarted' | 'ResponseComplete'

/** What a request was about. */
export interface AuditObject {
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly apiGroup?: string
  readonly apiVersion: string
}

export interface AuditEvent {
  readonly kind: 'Event'
  readonly apiVersion: 'audit.k8s.io/v1'
  readonly level: 'Metadata'
  /** The request's id, which the client has as the header `audit-id`. */
  readonly auditID: string
  /** `ResponseStarted` is said of streams and watches only, when they open; `ResponseComplete` of everything, at its end. */
  readonly stage: AuditStage
  /** Path and query. */
  readonly requestURI: string
  readonly verb: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  /** The peer's address, or `unix`. */
  readonly sourceIPs: readonly string[]
  readonly userAgent?: string
  readonly objectRef?: AuditObject
  readonly responseStatus: { readonly code: number; readonly reason?: string; readonly message?: string }
  /** RFC 3339 with microseconds. */
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
  readonly annotations: {
    /** Seconds from the request to this stage, by the monotonic clock. */
    readonly 'berth/duration-seconds': string
  }
}

/** Kubernetes' MicroTime; our clock has milliseconds. */
export const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z')

const MAX_TEXT = 512

/** Text of a client, cut: it must not fill the log. */
export const brief = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)

/** Parameters whose values may be told. Others (a token that somebody put into a URL) are named, without their value. */
const TOLD_PARAMETERS: ReadonlySet<string> = new Set([
  'allowWatchBookmarks',
  'continue',
  'dryRun',
  'fieldManager',
  'fieldSelector',
  'fieldValidation',
  'force',
  'labelSelector',
  'limit',
  'port',
  'probe',
  'propagationPolicy',
  'protocol',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
])

/** A request's URL as the log has it. */
export function auditUri(url: string): string {
  const mark = url.indexOf('?')
  if (mark === -1) return brief(url)
  const told = [...new URLSearchParams(url.slice(mark + 1))].map(([name, value]) =>
    TOLD_PARAMETERS.has(name) ? `${name}=${encodeURIComponent(value)}` : `${encodeURIComponent(name)}=…`,
  )
  return brief(`${url.slice(0, mark)}?${told.join('&')}`)
}
