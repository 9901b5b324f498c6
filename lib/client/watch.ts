// Watches that go on: resume after a lost connection, a new list when the server no longer has the changes in between.
import { type Clock, systemClock } from '../clock.ts'
import { ApiError, isApiError } from '../errors.ts'
import { eventError, UnreachableError } from './errors.ts'
import type { Query, Transport } from './transport.ts'

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: T
}

/** A change as a follower sees it; `sync` replaces everything known before. */
export type Followed<T> =
  | { readonly type: 'sync'; readonly items: readonly T[] }
  | { readonly type: 'put'; readonly object: T }
  | { readonly type: 'gone'; readonly object: T }

export interface WatchAsk<T> {
  readonly path: string
  readonly query?: Query
  readonly accept?: string
  /** Checks and types the object of an event. @throws ApiError when it is something else */
  readonly read: (object: unknown) => T
  readonly signal?: AbortSignal
  /** How long the server may be out of reach before the watch fails, ms; 60 000 when absent. */
  readonly patienceMs?: number
  readonly clock?: Clock
}

/** The server is asked to end a watch after this long, so that a dead connection is noticed. */
const WATCH_SECONDS = 240
const GRACE_MS = 15_000
const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 5_000

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** `metadata.resourceVersion` of anything that has one; a table row's when the event is a table. */
export function versionOf(object: unknown): string | undefined {
  if (!isRecord(object)) return undefined
  const version = isRecord(object.metadata) ? object.metadata.resourceVersion : undefined
  if (typeof version === 'string' && version !== '') return version
  const row: unknown = Array.isArray(object.rows) ? object.rows[0] : undefined
  return isRecord(row) ? versionOf(row.object) : undefined
}

const MOVES: ReadonlySet<unknown> = new Set<WatchEvent<unknown>['type']>(['ADDED', 'MODIFIED', 'DELETED'])
const isMove = (type: unknown): type is WatchEvent<unknown>['type'] => MOVES.has(type)

/**
 * Changes after the resource version `from`, across lost connections, until the signal aborts (then it throws the
 * signal's reason). @throws ApiError `Expired` when the server no longer has them; UnreachableError after `patienceMs`
 */
export async function* watchAfter<T>(
  transport: Transport,
  from: string,
  ask: WatchAsk<T>,
): AsyncIterable<WatchEvent<T>> {
  const clock = ask.clock ?? systemClock
  let version = from
  let waitMs = FIRST_WAIT_MS
  let lostAt: number | undefined
  for (;;) {
    ask.signal?.throwIfAborted()
    try {
      for await (const event of transport.lines(watchRequest(ask, version))) {
        lostAt = undefined
        waitMs = FIRST_WAIT_MS
        if (!isRecord(event)) continue
        if (event.type === 'ERROR') throw eventError(event.object)
        version = versionOf(event.object) ?? version
        if (isMove(event.type)) yield { type: event.type, object: ask.read(event.object) }
      }
      lostAt = undefined
    } catch (error) {
      if (!mayPass(error)) throw error
      lostAt ??= clock.monotonic()
      if (clock.monotonic() - lostAt > (ask.patienceMs ?? 60_000)) throw error
    }
    await clock.sleep(waitMs, ask.signal)
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

/**
 * First all that there is, then every change. When the server no longer has the changes in between, everything is
 * listed again and comes as another `sync`.
 */
export async function* follow<T>(
  transport: Transport,
  list: () => Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }>,
  ask: WatchAsk<T>,
): AsyncIterable<Followed<T>> {
  for (;;) {
    const { items, resourceVersion } = await list()
    yield { type: 'sync', items }
    try {
      for await (const { type, object } of watchAfter(transport, resourceVersion, ask))
        yield { type: type === 'DELETED' ? 'gone' : 'put', object }
    } catch (error) {
      if (!isApiError(error, 'Expired')) throw error
    }
  }
}

const watchRequest = <T>(ask: WatchAsk<T>, version: string) => ({
  path: ask.path,
  query: {
    ...ask.query,
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: version,
    timeoutSeconds: String(WATCH_SECONDS),
  },
  timeoutMs: WATCH_SECONDS * 1000 + GRACE_MS,
  ...(ask.accept === undefined ? {} : { accept: ask.accept }),
  ...(ask.signal === undefined ? {} : { signal: ask.signal }),
})

/** Faults after which asking again can help: nobody there, too busy, restarting, or our own deadline. */
const mayPass = (error: unknown): boolean =>
  error instanceof UnreachableError ||
  (error instanceof ApiError && ['Timeout', 'ServiceUnavailable', 'TooManyRequests'].includes(error.reason))
