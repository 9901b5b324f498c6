// The errors that cross the API: one class, a closed list of reasons, one mapping to HTTP (Kubernetes `Status`).

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

/** Why one field was refused; `reason` is one of Kubernetes' `CauseType`s. */
export interface FieldError {
  /** Path from the object's root: `spec.blockDeviceRefs[1].bootOrder`. */
  readonly path: string
  readonly reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueTooLong'
    | 'FieldValueNotFound'
    /** Of server-side apply; not about a value but about its owner. */
    | 'FieldManagerConflict'
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
