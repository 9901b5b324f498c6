// The one door of every request and stream: who is it, not too often, may they do this — before a body is read or anything is done.
// What is open for long is ended here when its right ends.
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../clock.ts'
import { ApiError } from '../../errors.ts'
import type { RateLimit } from '../../rate-limit.ts'
import { type Target, TargetParser } from '../http/path.ts'
import { type Attributes, attributesOf } from './attributes.ts'
import type { Authorizer } from './authorizer.ts'
import type { Caller } from './caller.ts'
import type { Gate } from './gate.ts'
import type { Exchange, Observe } from './observe.ts'

/** A request that may go on. */
export interface Admitted {
  readonly caller: Caller
  readonly target: Target
  readonly query: URLSearchParams
  readonly attributes: Attributes
}

/** The right of something long: a watch, a stream. */
export interface Held {
  /** Aborted, with an `ApiError` that says why, when the credential or the right ends. */
  readonly signal: AbortSignal
  release(): void
}

export interface GuardOptions {
  readonly gate: Gate
  readonly authorizer: Authorizer
  readonly clock: Clock
  /** Requests per identity; the unix socket and this process itself have no limit. */
  readonly requests: RateLimit
  readonly observe?: Observe
}

/** Longest sleep of a timer in Node is 24 days. */
const MAX_SLEEP_MS = 86_400_000
/** Open streams looked at in one turn of the event loop. */
const RECHECK_SLICE = 500

/** `kubectl --as` must not be done as somebody else than was asked for. @throws ApiError Forbidden */
function refuseImpersonation({ headers }: IncomingMessage): void {
  for (const name in headers)
    if (name.startsWith('impersonate-'))
      throw new ApiError('Forbidden', 'impersonation (kubectl --as) is not built: use a token of that user')
}

interface Open {
  readonly admitted: Admitted
  readonly controller: AbortController
}

export class Guard {
  readonly #options: GuardOptions
  readonly #targets = new TargetParser()
  readonly #open = new Set<Open>()
  #rechecking: Promise<void> | null = null
  #again = false
  #closed: ApiError | null = null

  constructor(options: GuardOptions) {
    this.#options = options
  }

  /** Begins the record of a request. Never throws. */
  begin(request: IncomingMessage, id: string): Exchange {
    return {
      id,
      method: request.method ?? '',
      url: request.url ?? '/',
      userAgent: request.headers['user-agent'] ?? '',
      client: request.socket.remoteAddress ?? 'unix',
      startedAt: this.#options.clock.monotonic(),
      caller: null,
      attributes: null,
    }
  }

  /** @throws ApiError Unauthorized, Forbidden, TooManyRequests, BadRequest */
  admit(request: IncomingMessage, exchange: Exchange): Admitted {
    const caller = this.#options.gate.admit(request)
    exchange.caller = caller
    refuseImpersonation(request)
    this.#limit(caller)
    const { path, target, query } = this.#targets.parse(exchange.url)
    const attributes = attributesOf(exchange.method, path, target, query)
    exchange.attributes = attributes
    this.#options.authorizer.require(caller, attributes)
    return { caller, target, query, attributes }
  }

  /** Tells the observer, if there is one. `stage` is `started` for what stays open, `ended` once for everything. */
  tell(exchange: Exchange, stage: 'started' | 'ended', code: number): void {
    const durationMs = this.#options.clock.monotonic() - exchange.startedAt
    this.#options.observe?.(exchange, { stage, code, durationMs })
  }

  hold(admitted: Admitted): Held {
    const open: Open = { admitted, controller: new AbortController() }
    if (this.#closed !== null) open.controller.abort(this.#closed)
    this.#open.add(open)
    const { expiresAt } = admitted.caller
    const over = expiresAt === null ? null : new AbortController()
    if (expiresAt !== null && over !== null) void this.#endInTime(open, expiresAt, over.signal)
    return {
      signal: open.controller.signal,
      release: () => {
        this.#open.delete(open)
        over?.abort()
      },
    }
  }

  /** Ends everything that is open, and what opens from now on. */
  close(reason: ApiError): void {
    this.#closed = reason
    for (const { controller } of this.#open) controller.abort(reason)
  }

  /** Tokens, roles or bindings changed: whatever is open must still be allowed. A few hundred at a time, so that others get their turn. */
  recheck(): void {
    this.#again = true
    this.#rechecking ??= this.#recheckAll().finally(() => {
      this.#rechecking = null
    })
  }

  async #recheckAll(): Promise<void> {
    while (this.#again) {
      this.#again = false
      let looked = 0
      for (const open of this.#open) {
        this.#check(open)
        looked += 1
        if (looked % RECHECK_SLICE === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  #check({ admitted: { caller, attributes }, controller }: Open): void {
    const ended = this.#options.gate.ended(caller)
    try {
      if (ended !== null) throw new ApiError('Unauthorized', ended)
      this.#options.authorizer.require(caller, attributes)
    } catch (error) {
      controller.abort(error)
    }
  }

  async #endInTime(open: Open, expiresAt: number, over: AbortSignal): Promise<void> {
    const { clock } = this.#options
    try {
      while (!open.controller.signal.aborted) {
        const left = expiresAt - clock.now()
        if (left <= 0) break
        await clock.sleep(Math.min(left, MAX_SLEEP_MS), over)
      }
      this.#check(open)
    } catch {
      // Released before its time.
    }
  }

  #limit(caller: Caller): void {
    if (caller.via === 'unix' || caller.via === 'in-process') return
    const key = `${caller.via} ${caller.user}`
    if (this.#options.requests.take(key)) return
    throw new ApiError('TooManyRequests', `too many requests of user "${caller.user}"`, {
      retryAfterSeconds: Math.max(1, Math.ceil(this.#options.requests.waitMs(key) / 1000)),
    })
  }
}
