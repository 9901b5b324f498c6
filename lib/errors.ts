// The errors that cross the API: one class, a closed list of reasons, one mapping to HTTP (Kubernetes `Status`).
import type { Advice } from './advice.ts'

/** Reason -> HTTP code, as in Kubernetes' `StatusReason`. */
export const STATUS_CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const

export type StatusReason = keyof typeof STATUS_CODES

/** What an operator reads about each. */
export const STATUS_ADVICE: Readonly<Record<StatusReason, Advice>> = {
  BadRequest: {
    means: 'The request cannot be understood: not JSON, a wrong parameter, a wrong continue token.',
    todo: 'Mend the client; the message says what is wrong.',
  },
  Unauthorized: {
    means: 'There is no token or certificate, or it is wrong, expired or revoked.',
    todo: '`berth login` with a new token. On the host itself the socket needs none.',
  },
  Forbidden: {
    means: 'No role allows it to this user; the message names verb and resource.',
    todo: 'Bind a role ([access.md](access.md)); `kubectl auth can-i --list` shows what the user may.',
  },
  NotFound: { means: 'There is no object of that name, or no such path.', todo: 'Check name, namespace and kind.' },
  MethodNotAllowed: { means: 'The resource does not have that verb.' },
  NotAcceptable: {
    means: 'The server cannot answer in a form that the client takes.',
    todo: 'Ask for `application/json`.',
  },
  AlreadyExists: { means: 'An object of that name exists.', todo: 'Change it, or take another name.' },
  Conflict: {
    means: 'The object was changed in between, is in use, or another manager owns a field; the message says which.',
    todo: 'Read it again and repeat the change. For a field of another manager: leave it, or apply with `--force-conflicts` (kubectl).',
  },
  Expired: {
    means: 'A watch or a continued list asks for changes that are no longer kept (10 minutes or 100,000 changes).',
    todo: 'List again from the beginning; clients do that by themselves.',
  },
  RequestEntityTooLarge: {
    means: 'The body or the object is too large: 1 MiB per object, 128 KiB as YAML.',
    todo: 'Make it smaller.',
  },
  UnsupportedMediaType: {
    means: 'The body is of a type that this verb does not take.',
    todo: 'Send JSON; patch DVP’s kinds with JSON patch, merge patch or server-side apply.',
  },
  Invalid: {
    means: 'Fields are refused; `details.causes` names each.',
    todo: 'Mend them ([causes](#causes-of-invalid)).',
  },
  TooManyRequests: {
    means: 'The identity sent more than `limits` allow, or the address too many wrong credentials.',
    todo: 'Wait as long as `Retry-After` says; raise `limits` in the configuration if the load is meant.',
  },
  InternalError: {
    means: 'A fault of the server; its words are in the log only.',
    todo: 'The message has an id: find it in the log of the server, and report what stands there.',
  },
  ServiceUnavailable: {
    means: 'The server is stopping, its store cannot write, or libvirt does not answer.',
    todo: 'Try again. When it stays: `berth host check`, free space in the state folder, the log of the server, `systemctl status libvirtd`.',
  },
  Timeout: {
    means: 'The request did not come in time, or what it asks took too long.',
    todo: 'Try again; look for load on the host and the network.',
  },
}

/** Kubernetes' `CauseType`s, with what an operator reads about each. */
export const CAUSE_ADVICE = {
  FieldValueInvalid: { means: 'The value is not of the form that the field has.' },
  FieldValueRequired: { means: 'The field is missing or empty.' },
  FieldValueNotSupported: {
    means: 'The value is none of those that are possible, or asks for something of DVP that is not built.',
  },
  FieldValueDuplicate: { means: 'The value may be there once only, and is there twice.' },
  FieldValueForbidden: { means: 'The field may not be set or changed here.' },
  FieldValueTooLong: { means: 'The value is longer than allowed.' },
  FieldValueNotFound: { means: 'The value names something that does not exist.' },
  /** Of server-side apply; not about a value but about its owner. */
  FieldManagerConflict: {
    means: 'Another field manager has set the field (server-side apply).',
    todo: 'Leave it, or apply with `--force-conflicts` (kubectl).',
  },
} as const satisfies Readonly<Record<string, Advice>>

export type CauseReason = keyof typeof CAUSE_ADVICE

/** Why one field was refused; `reason` is one of Kubernetes' `CauseType`s. */
export interface FieldError {
  /** Path from the object's root: `spec.blockDeviceRefs[1].bootOrder`. */
  readonly path: string
  readonly reason: CauseReason
  /** For people; says what was wrong and what is allowed. Never contains secret values. */
  readonly message: string
}

/** Facts that a `Status` carries in `details`. */
export interface StatusDetails {
  readonly group?: string
  readonly kind?: string
  readonly name?: string
  readonly uid?: string
  readonly causes?: readonly FieldError[]
  readonly retryAfterSeconds?: number
}

/** An error with an answer for a client. Everything else that is thrown becomes `InternalError` without its text. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly reason: StatusReason
  readonly details: StatusDetails

  constructor(reason: StatusReason, message: string, details: StatusDetails = {}, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
    this.details = details
  }

  get code(): number {
    return STATUS_CODES[this.reason]
  }
}

/** True for an {@link ApiError} of that reason. */
export const isApiError = (error: unknown, reason: StatusReason): error is ApiError =>
  error instanceof ApiError && error.reason === reason

/** The text of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The message of the innermost cause: what really happened, without the layers that passed it on. */
export function rootMessageOf(error: unknown): string {
  let one = error
  while (one instanceof Error && one.cause instanceof Error) one = one.cause
  return messageOf(one)
}
