// What a server tells about each request and stream: the hook for an audit log.
import type { Attributes } from './attributes.ts'
import type { Caller } from './caller.ts'

export interface Exchange {
  /** Id of the request; also in the log and in what an internal error tells the client. */
  readonly id: string
  readonly method: string
  /** Path and query as sent. */
  readonly url: string
  readonly userAgent: string
  /** Remote address; `unix` for the socket. */
  readonly client: string
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** Null until, and unless, the credentials are good. */
  caller: Caller | null
  /** Null until, and unless, the path could be read. */
  attributes: Attributes | null
  /** Of the object that was made, which no path names. */
  objectName?: string
}

export interface Outcome {
  /** `started`: a watch or websocket is open; `ended`: the answer, watch or stream is over. */
  readonly stage: 'started' | 'ended'
  /** HTTP status; 101 for a websocket. */
  readonly code: number
  /** Since the request came. */
  readonly durationMs: number
}

/** Called for every request, refused ones too. Must not throw and must not wait. */
export type Observe = (exchange: Exchange, outcome: Outcome) => void
