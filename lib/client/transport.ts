// HTTP to one API server: deadlines, bounds on what is read, errors with words. Knows nothing of kinds.
import { Agent, type Dispatcher } from 'undici'
import { ApiError } from '../errors.ts'
import { type LinkedAbort, linkedAbort } from '../linked-abort.ts'
import { connector } from './connector.ts'
import { answerError, UnreachableError } from './errors.ts'
import { splitLines } from './lines.ts'
import { authHeaders, type Target } from './target.ts'

export type Query = Readonly<Record<string, string | undefined>>

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** From the root, encoded: `/api/v1/nodes`. */
  readonly path: string
  readonly query?: Query
  /** Sent as JSON. */
  readonly body?: unknown
  /** `application/json` when absent. */
  readonly contentType?: string
  readonly accept?: string
  /** Milliseconds for the whole answer; {@link DEFAULT_TIMEOUT_MS} when absent. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** A list of many large objects over a slow link still fits; a hung server is noticed. */
export const DEFAULT_TIMEOUT_MS = 30_000
/** Bytes of one answer at most: a page of 500 objects is far below. */
export const MAX_ANSWER_BYTES = 64 * 1_048_576
const MAX_ERROR_BYTES = 1_048_576
const CONNECT_TIMEOUT_MS = 5_000

export interface Transport {
  readonly target: Target
  /** The parsed answer. @throws ApiError, UnreachableError, or the signal's reason. */
  json(ask: Ask): Promise<unknown>
  /** The answer as it is. @throws as {@link json}. */
  bytes(ask: Ask): Promise<Buffer>
  /** Parsed lines of an endless answer, until it ends or `timeoutMs` has passed. @throws as {@link json}. */
  lines(ask: Ask): AsyncIterable<unknown>
  close(): Promise<void>
}

export class HttpTransport implements Transport {
  readonly target: Target
  readonly #agent: Agent
  readonly #userAgent: string

  constructor(target: Target, userAgent: string) {
    this.target = target
    this.#userAgent = userAgent
    const { tls, socketPath } = target
    this.#agent = new Agent({
      connect: connector({ timeout: CONNECT_TIMEOUT_MS, ...tls, ...(socketPath === undefined ? {} : { socketPath }) }),
    })
  }

  async json(ask: Ask): Promise<unknown> {
    return parse(await this.#whole(ask, readText), this.target.label)
  }

  async bytes(ask: Ask): Promise<Buffer> {
    return await this.#whole(ask, ({ body }) => readAll(body, MAX_ANSWER_BYTES))
  }

  async #whole<T>(ask: Ask, read: (answer: Dispatcher.ResponseData) => Promise<T>): Promise<T> {
    const over = overOf(ask)
    try {
      return await read(await this.#send(ask, over.signal))
    } catch (error) {
      throw this.#explain(error, ask, over)
    } finally {
      over.release()
    }
  }

  async *lines(ask: Ask): AsyncIterable<unknown> {
    const over = overOf(ask)
    try {
      const answer = await this.#send(ask, over.signal)
      for await (const line of splitLines(answer.body)) yield parse(line, this.target.label)
    } catch (error) {
      throw this.#explain(error, ask, over)
    } finally {
      over.release()
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #send(ask: Ask, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const answer = await this.#agent.request({
      origin: this.target.origin,
      path: `${this.target.prefix}${ask.path}${queryText(ask.query)}`,
      method: ask.method ?? 'GET',
      headers: {
        accept: ask.accept ?? 'application/json',
        'user-agent': this.#userAgent,
        ...authHeaders(this.target),
        ...(ask.body === undefined ? {} : { 'content-type': ask.contentType ?? 'application/json' }),
      },
      body: ask.body === undefined ? null : JSON.stringify(ask.body),
      signal,
      // The deadline above covers both; undici's own would end a quiet watch.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    if (answer.statusCode < 300) return answer
    throw answerError(answer.statusCode, (await readAll(answer.body, MAX_ERROR_BYTES)).toString('utf8'))
  }

  #explain(error: unknown, ask: Ask, { isLate }: LinkedAbort): unknown {
    if (error instanceof ApiError) return error
    if (ask.signal?.aborted) return ask.signal.reason
    const what = `${ask.method ?? 'GET'} ${ask.path}`
    if (isLate)
      return new ApiError('Timeout', `no answer to ${what} from ${this.target.label} within ${timeoutOf(ask) / 1000} s`)
    return new UnreachableError(this.target.label, error)
  }
}

const timeoutOf = ({ timeoutMs = DEFAULT_TIMEOUT_MS }: Ask): number => timeoutMs

const overOf = (ask: Ask): LinkedAbort => linkedAbort(ask.signal === undefined ? [] : [ask.signal], timeoutOf(ask))

/** `?a=1&b=2` without the undefined ones, or the empty string. */
export function queryText(query: Query | undefined): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) params.set(name, value)
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

/** An answer that says how long it is needs nobody to count what comes: HTTP lets no more of it in. */
async function readText({ headers, body }: Dispatcher.ResponseData): Promise<string> {
  const isShort = Number(headers['content-length'] ?? Number.NaN) <= MAX_ANSWER_BYTES
  return isShort ? await body.text() : (await readAll(body, MAX_ANSWER_BYTES)).toString('utf8')
}

async function readAll(body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw new ApiError('RequestEntityTooLarge', `the answer is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parse(text: string, label: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new ApiError(
      'InternalError',
      `the answer of ${label} is not JSON: is it an API server of Berth?`,
      {},
      { cause },
    )
  }
}
