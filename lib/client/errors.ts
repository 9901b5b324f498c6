// What goes wrong between a client and an API server: answers that say no, and no answer at all.
import { ApiError, type FieldError, STATUS_CODES, type StatusDetails, type StatusReason } from '../errors.ts'

/** Nobody answered: no socket, refused, TLS refused, name unknown, connection lost. Whether a write took effect is unknown. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
  /** The address as people know it: `unix:/run/berth/agent.sock`, `https://10.0.0.1:8750`. */
  readonly target: string
  /** The system's code where there was one: `ENOENT`, `ECONNREFUSED`, `EACCES`. */
  readonly code: string | undefined

  constructor(target: string, cause: unknown) {
    const code = errorCode(cause)
    super(`no connection to ${target}: ${explain(code, cause)}`, { cause })
    this.target = target
    this.code = code
  }

  /** Somebody answered, with a certificate of an authority that the client does not know. */
  get isOfAnotherAuthority(): boolean {
    return this.code !== undefined && WORDS[this.code] === ANOTHER_AUTHORITY
  }
}

const ANOTHER_AUTHORITY = 'the certificate is not signed by the authority in the kubeconfig'
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'the socket does not exist',
  ECONNREFUSED: 'the connection was refused',
  EACCES: 'this user may not open the socket',
  EPERM: 'this user may not open the socket',
  ENOTFOUND: 'the host name is not known',
  ECONNRESET: 'the connection was closed by the other side',
  UND_ERR_SOCKET: 'the connection was closed by the other side',
  DEPTH_ZERO_SELF_SIGNED_CERT: ANOTHER_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: ANOTHER_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ANOTHER_AUTHORITY,
  CERT_HAS_EXPIRED: 'the certificate has expired',
}

function errorCode(error: unknown): string | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) return errorCode(error.errors[0])
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

function explain(code: string | undefined, cause: unknown): string {
  const words = code === undefined ? undefined : WORDS[code]
  if (words !== undefined) return words
  return cause instanceof Error && cause.message !== '' ? cause.message : String(code ?? cause)
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const CAUSES: ReadonlySet<string> = new Set<FieldError['reason']>([
  'FieldValueInvalid',
  'FieldValueRequired',
  'FieldValueNotSupported',
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueTooLong',
  'FieldValueNotFound',
])
const isCause = (reason: unknown): reason is FieldError['reason'] => typeof reason === 'string' && CAUSES.has(reason)

function readCauses(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return []
  return value.filter(isRecord).map((cause) => ({
    path: typeof cause.field === 'string' ? cause.field : '',
    reason: isCause(cause.reason) ? cause.reason : 'FieldValueInvalid',
    message: typeof cause.message === 'string' ? cause.message : '',
  }))
}

function readDetails(value: unknown): StatusDetails {
  if (!isRecord(value)) return {}
  const text = (key: 'group' | 'kind' | 'name' | 'uid') => (typeof value[key] === 'string' ? { [key]: value[key] } : {})
  const causes = readCauses(value.causes)
  return {
    ...text('group'),
    ...text('kind'),
    ...text('name'),
    ...text('uid'),
    ...(causes.length > 0 ? { causes } : {}),
    ...(typeof value.retryAfterSeconds === 'number' ? { retryAfterSeconds: value.retryAfterSeconds } : {}),
  }
}

const isReason = (value: unknown): value is StatusReason =>
  typeof value === 'string' && Object.hasOwn(STATUS_CODES, value)

/** 409 is a Conflict here: AlreadyExists shares its number and is always named. */
function reasonOf(code: number): StatusReason {
  if (code === 409) return 'Conflict'
  for (const [reason, known] of Object.entries(STATUS_CODES)) if (known === code && isReason(reason)) return reason
  return code >= 500 ? 'InternalError' : 'BadRequest'
}

/** The error that an answer of 400 and above means; `body` is the answer's text, a `Status` object as a rule. */
export function answerError(code: number, body: string): ApiError {
  const status = parseStatus(body)
  const reason = status !== undefined && isReason(status.reason) ? status.reason : reasonOf(code)
  const message = typeof status?.message === 'string' && status.message !== '' ? status.message : undefined
  return new ApiError(reason, message ?? `the server answered ${code}`, readDetails(status?.details))
}

/** The error in a watch's ERROR event. */
export function eventError(object: unknown): ApiError {
  const code = isRecord(object) && typeof object.code === 'number' ? object.code : 500
  return answerError(code, JSON.stringify(object ?? null))
}

function parseStatus(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return isRecord(value) && value.kind === 'Status' ? value : undefined
  } catch {
    return undefined
  }
}
