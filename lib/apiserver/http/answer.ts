// What a handler hands back: everything of an HTTP answer but the connection.

export interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string | Uint8Array
  /** Length of the body in bytes, where it is known already. */
  readonly bytes?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Name of the object that was made: the path does not have it. */
  readonly made?: string
}

export const JSON_TYPE = 'application/json'

export const json = (value: unknown, code = 200, type = JSON_TYPE): Answer => ({
  code,
  type,
  body: `${JSON.stringify(value)}\n`,
})

export const text = (body: string, code = 200): Answer => ({ code, type: 'text/plain; charset=utf-8', body })

/** A request as handlers see it. */
export interface ApiRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly query: URLSearchParams
  /** Undefined when there is none. */
  readonly body: Buffer | undefined
}

/** The first value of a header. */
export function header(request: Pick<ApiRequest, 'headers'>, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}
