// Watches: the present state when none is known, then each change as it is committed, with bookmarks, until the client or the time ends it.
import type { Clock } from '../../clock.ts'
import { ApiError } from '../../errors.ts'
import { linkedAbort } from '../../linked-abort.ts'
import type { KubeObject } from '../../object.ts'
import { type Change, type Revision, StoreError } from '../../store/store.ts'
import type { Core } from '../core/core.ts'
import { fromStore, storeRefusal } from '../core/refusals.ts'
import { inVersion } from '../core/versions.ts'
import { apiVersionOf } from '../registry.ts'
import { at, type EventLines, type EventType } from './event-lines.ts'
import type { LastChanges } from './last-changes.ts'
import { booleanParameter, numberParameter, revisionParameter } from './parameters.ts'
import { onWire, printerOf, type RenderContext } from './render.ts'
import type { Matches } from './selectors.ts'
import { statusOf } from './status.ts'
import { partialMetadata } from './table.ts'
import { type ResourceRequest, renderContext, selectorsOf } from './verbs.ts'

const BOOKMARK_MS = 30_000
const MIN_SECONDS = 1_800
const MAX_SECONDS = 86_400

/** Takes lines in order; the promise resolves when more can be taken, and rejects when the client is gone or too slow. */
export interface Sink {
  write(line: string | Buffer): Promise<void>
}

export interface Watch {
  /** Runs until the signal aborts or the watch ends by itself. Rejects only when the sink does. */
  run(sink: Sink, signal: AbortSignal): Promise<void>
}

/** What all watches of a server have in common. */
export interface WatchCommons {
  readonly last: LastChanges
  readonly lines: EventLines
}

/** Checks the request; nothing is sent yet, so refusals are plain answers. @throws ApiError */
export function openWatch(core: Core, commons: WatchCommons, request: ResourceRequest): Watch {
  const { query, name } = request
  const after = revisionParameter(query)
  if (after !== null && after > core.store.revision())
    throw new ApiError('Expired', `resourceVersion ${after} is not of this server: list again and watch from there`)
  const context = renderContext(core, request)
  if (context.form.encoding === 'yaml')
    throw new ApiError('NotAcceptable', 'a watch can only be had as application/json')
  const selector = selectorsOf(request)
  const matches: Matches =
    name === null ? selector.matches : (object) => object.metadata.name === name && selector.matches(object)
  const initialEvents = booleanParameter(query, 'sendInitialEvents')
  const bookmarks = booleanParameter(query, 'allowWatchBookmarks')
  if (initialEvents && !(bookmarks && query.get('resourceVersionMatch') === 'NotOlderThan'))
    throw new ApiError(
      'Invalid',
      'sendInitialEvents needs allowWatchBookmarks=true and resourceVersionMatch=NotOlderThan',
    )
  const asked = numberParameter(query, 'timeoutSeconds', Number.MAX_SAFE_INTEGER) ?? 0
  const seconds = asked === 0 ? MIN_SECONDS * (1 + Math.random()) : Math.min(asked, MAX_SECONDS)
  return new Stream(core, commons, request, context, {
    after: initialEvents ? null : after,
    matches,
    initialEvents,
    bookmarks,
    seconds,
  })
}

interface Settings {
  readonly after: Revision | null
  readonly matches: Matches
  readonly initialEvents: boolean
  readonly bookmarks: boolean
  readonly seconds: number
}

class Stream implements Watch {
  readonly #core: Core
  readonly #commons: WatchCommons
  readonly #request: ResourceRequest
  readonly #context: RenderContext
  readonly #settings: Settings
  readonly #clock: Clock
  /** Every change up to here was looked at. */
  #seen: Revision = 0n
  #headers = true

  constructor(core: Core, commons: WatchCommons, request: ResourceRequest, context: RenderContext, settings: Settings) {
    this.#core = core
    this.#commons = commons
    this.#request = request
    this.#context = context
    this.#settings = settings
    this.#clock = core.clock
  }

  async run(sink: Sink, signal: AbortSignal): Promise<void> {
    const over = linkedAbort([signal], this.#settings.seconds * 1000)
    let writing = Promise.resolve()
    const send = (line: string | Buffer): Promise<void> => {
      writing = writing.then(() => sink.write(line))
      return writing
    }
    const timer = setInterval(() => {
      // Only while nothing is on its way to this watch: a bookmark promises that all before it was sent.
      const revision = this.#bookmarkRevision()
      if (revision !== null) send(this.#bookmark(revision)).catch(() => {})
    }, BOOKMARK_MS)
    timer.unref()
    try {
      await this.#events(send, over.signal)
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof ApiError)) throw error
      const refusal = error instanceof StoreError ? storeRefusal(this.#kind, this.#request.name ?? '', error) : error
      await send(`${JSON.stringify({ type: 'ERROR', object: statusOf(refusal) })}\n`)
    } finally {
      clearInterval(timer)
      over.release()
    }
  }

  get #kind() {
    return this.#request.served.kind
  }

  get #namespace(): string | undefined {
    return this.#kind.namespaced && this.#request.namespace !== null ? this.#request.namespace : undefined
  }

  async #events(send: (line: string | Buffer) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { after, initialEvents, bookmarks } = this.#settings
    this.#seen = after ?? (await this.#initial(send, signal))
    if (initialEvents) await send(this.#bookmark(this.#seen, true))
    else if (bookmarks && after === null) await send(this.#bookmark(this.#seen))
    const scope = {
      resource: this.#kind.resource,
      after: this.#seen,
      ...(this.#namespace === undefined ? {} : { namespace: this.#namespace }),
    }
    for await (const change of this.#core.store.watch(scope, signal)) {
      const line = this.#line(change)
      if (line !== null) await send(line)
      this.#seen = change.type === 'put' ? change.entry.revision : change.revision
    }
  }

  async #initial(send: (line: string | Buffer) => Promise<void>, signal: AbortSignal): Promise<Revision> {
    const namespace = this.#namespace
    const list = await fromStore(this.#kind, { name: '' }, () =>
      this.#core.store.list(this.#kind.resource, namespace === undefined ? {} : { namespace }),
    )
    for (const { value } of list.entries) {
      if (signal.aborted) break
      const object = this.#shown(value)
      if (this.#settings.matches(object)) await send(this.#event('ADDED', object))
    }
    return list.revision
  }

  #shown(value: KubeObject): KubeObject {
    return inVersion(this.#kind, value, this.#request.served.version.name)
  }

  /** The event that a change is for this watch: coming into a selector is ADDED, leaving it DELETED. Null when it is none. */
  #line(change: Change): string | Buffer | null {
    const { matches } = this.#settings
    const previous = change.previous === null ? null : this.#shown(change.previous)
    const before = previous !== null && matches(previous)
    if (change.type === 'delete') return before ? this.#gone(previous, change.revision) : null
    const object = this.#shown(change.entry.value)
    if (matches(object)) return this.#event(before ? 'MODIFIED' : 'ADDED', object)
    return before ? this.#gone(previous, change.entry.revision) : null
  }

  #event(type: 'ADDED' | 'MODIFIED', object: KubeObject): string | Buffer {
    return this.#shortened(type, object) ?? this.#commons.lines.of(this.#request.served, type, object)
  }

  #gone(previous: KubeObject, revision: Revision): string | Buffer {
    return (
      this.#shortened('DELETED', at(previous, revision)) ??
      this.#commons.lines.gone(this.#request.served, previous, revision)
    )
  }

  /** The event in a form that leaves parts of the object out; null when this watch gets it whole. */
  #shortened(type: EventType, object: KubeObject): string | null {
    const { form, include, served } = this.#context
    if (form.as === 'metadata') return line(type, partialMetadata(onWire(served, object)))
    if (form.as !== 'table') return null
    const metadata = { resourceVersion: object.metadata.resourceVersion }
    const table = printerOf(served).table([object], metadata, include, this.#clock.now(), this.#headers)
    this.#headers = false
    return line(type, table)
  }

  #bookmarkRevision(): Revision | null {
    if (!this.#settings.bookmarks) return null
    const newest = this.#commons.last.of(this.#kind.resource, this.#namespace)
    return newest <= this.#seen ? this.#core.store.revision() : null
  }

  #bookmark(revision: Revision, initialEnd = false): string {
    const { served, form, include } = this.#context
    const metadata = {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    }
    const type = { kind: served.kind.kind, apiVersion: apiVersionOf(served.kind.group, served.version.name) }
    if (form.as === 'table')
      return `${JSON.stringify({ type: 'BOOKMARK', object: printerOf(served).table([], metadata, include, 0, false) })}\n`
    const shown = form.as === 'metadata' ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' } : type
    return `${JSON.stringify({ type: 'BOOKMARK', object: { ...shown, metadata } })}\n`
  }
}

const line = (type: EventType, object: unknown): string => `${JSON.stringify({ type, object })}\n`
