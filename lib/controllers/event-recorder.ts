// core/v1 Events: what happened to an object, for people. Recording never fails its caller, and never grows without bound.
import { createHash } from 'node:crypto'
import type { Resources } from '../apiserver/resources.ts'
import { type Clock, timestamp } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { inTime } from '../in-time.ts'
import { type KubeObject, nameOf } from '../object.ts'
import { RateLimit } from '../rate-limit.ts'
import type { ReconcileLog } from '../reconcile/log.ts'
import type { Reader } from '../reconcile/reader.ts'
import type { EventText } from './event-text.ts'

const EVENTS = 'events'

export interface EventRecorderOptions {
  /** Holds `events`. */
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
  readonly log: ReconcileLog
  /** Who reports: `berth-agent`. */
  readonly component: string
  /** Where: the host's name. */
  readonly instance: string
  /** An event that was not repeated for this long is deleted. Default 1 hour. */
  readonly ttlMs?: number
  /** Events kept at most; the oldest go first. Default 5,000. */
  readonly maxEvents?: number
}

interface StoredEvent extends KubeObject {
  readonly involvedObject: object
  readonly count?: number
  readonly firstTimestamp?: string | null
  readonly lastTimestamp?: string | null
}

interface Pending {
  readonly namespace: string
  readonly name: string
  readonly object: KubeObject
  readonly text: EventText
  readonly firstMs: number
  lastMs: number
  count: number
}

const TTL_MS = 3_600_000
/** Events that one object may cause: so many at once, and one more in each such time (as Kubernetes' event spam filter). */
const SPAM = { burst: 25, refillMs: 30_000 }
const MAX_EVENTS = 5_000
const MAX_MESSAGE = 1_024
const MAX_NAME = 253
/** Different events that wait to be written at most; more are dropped. */
const MAX_PENDING = 1_000
/** Writes and deletions at the same time; they share commits. */
const BATCH = 100
const SWEEP_EVERY_MS = 60_000
const BREATH_MS = 50
const STOP_TIMEOUT_MS = 2_000
const STORED = { ms: 10_000, late: 'the database has not stored what was to be told within 10 s' } as const
/** Events wait this long to share a commit, and so that the status that tells the same goes to the disk first. */
const GATHER_MS = 50

export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #limit: RateLimit
  readonly #pending = new Map<string, Pending>()
  readonly #stopping = new AbortController()
  #writing: Promise<void> | null = null
  #sweeping: Promise<void> = Promise.resolve()

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#limit = new RateLimit({ clock: options.clock, ...SPAM })
  }

  /** Starts the deletion of old events, once. */
  start(): void {
    this.#sweeping = this.#sweepLoop()
  }

  /** Writes what waits, within 2 s, and takes nothing more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the event recorder is stopping'))
    const deadline = new AbortController()
    const late = this.#options.clock.sleep(STOP_TIMEOUT_MS, deadline.signal).catch(() => undefined)
    await Promise.race([Promise.all([this.#writing, this.#sweeping]), late])
    deadline.abort()
  }

  /**
   * Says that something happened to `object`. The same text about the same object counts up one Event. Returns at once; an event that cannot
   * be stored, or one too many about one object, is dropped.
   */
  record(object: KubeObject, text: EventText): void {
    if (this.#stopping.signal.aborted) return
    const { uid, name } = object.metadata
    if (!this.#limit.take(uid)) return
    const short = { ...text, message: shorten(text.message) }
    const id = eventName(name, [uid, short.type, short.reason, short.message, this.#options.component])
    const namespace = object.metadata.namespace ?? 'default'
    const now = this.#options.clock.now()
    const waiting = this.#pending.get(`${namespace}/${id}`)
    if (waiting !== undefined) {
      waiting.count += 1
      waiting.lastMs = now
      return
    }
    if (this.#pending.size >= MAX_PENDING) {
      this.#options.log.debug({ object: name, reason: text.reason }, 'an event is dropped: too many wait to be written')
      return
    }
    this.#pending.set(`${namespace}/${id}`, {
      namespace,
      name: id,
      object,
      text: short,
      firstMs: now,
      lastMs: now,
      count: 1,
    })
    this.#writing ??= this.#write()
  }

  /** Resolves when all that was recorded so far is stored, or was dropped. @throws Error after 10 s without that, or the signal's reason */
  async stored(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#writing !== null) await inTime(this.#options.clock, this.#writing, STORED, signal)
  }

  async #write(): Promise<void> {
    await this.#options.clock.sleep(GATHER_MS, this.#stopping.signal).catch(() => undefined)
    while (this.#pending.size > 0) {
      const batch = [...this.#pending].slice(0, BATCH)
      for (const [key] of batch) this.#pending.delete(key)
      await Promise.all(batch.map(([, pending]) => this.#writeOne(pending)))
    }
    this.#writing = null
  }

  async #writeOne(pending: Pending): Promise<void> {
    const { reader, resources, log } = this.#options
    try {
      // Most are new: they cost one write and no look into the store.
      const counted =
        reader.get(EVENTS, pending) === null
          ? null
          : await resources.modify<StoredEvent>(EVENTS, pending, (event) => ({
              ...event,
              count: (event.count ?? 1) + pending.count,
              lastTimestamp: timestamp(pending.lastMs),
            }))
      if (counted === null) await resources.create<StoredEvent>(EVENTS, this.#event(pending))
    } catch (error) {
      log.debug(
        { event: pending.name, reason: pending.text.reason, err: messageOf(error) },
        'an event could not be stored',
      )
    }
  }

  #event({ namespace, name, object, text, firstMs, lastMs, count }: Pending) {
    const { component, instance } = this.#options
    const { uid, resourceVersion } = object.metadata
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name: object.metadata.name,
        ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
        uid,
        resourceVersion,
      },
      type: text.type,
      reason: text.reason,
      message: text.message,
      count,
      firstTimestamp: timestamp(firstMs),
      lastTimestamp: timestamp(lastMs),
      source: { component, host: instance },
      reportingComponent: component,
      reportingInstance: instance,
    }
  }

  async #sweepLoop(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#sweep(signal)
      await clock.sleep(SWEEP_EVERY_MS, signal).catch(() => undefined)
    }
  }

  /** Deletes what is too old or too many, in batches; what comes meanwhile waits for the next sweep. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, resources, log } = this.#options
    const doomed = this.#doomed()
    try {
      for (let from = 0; from < doomed.length && !signal.aborted; from += BATCH) {
        const batch = doomed.slice(from, from + BATCH)
        await Promise.all(batch.map((event) => resources.delete(EVENTS, nameOf(event), { uid: event.metadata.uid })))
        await clock.sleep(BREATH_MS, signal).catch(() => undefined)
      }
    } catch (error) {
      log.debug({ err: messageOf(error) }, 'old events could not be deleted; trying again later')
    }
  }

  #doomed(): readonly StoredEvent[] {
    const { reader, clock, ttlMs = TTL_MS, maxEvents = MAX_EVENTS } = this.#options
    const events = reader.list<StoredEvent>(EVENTS).map((event) => ({ event, at: lastSeen(event) }))
    const excess = events.length - maxEvents
    const oldestFirst = events.toSorted((a, b) => a.at - b.at)
    return oldestFirst.filter(({ at }, index) => index < excess || clock.now() - at > ttlMs).map(({ event }) => event)
  }
}

const shorten = (message: string): string =>
  message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`

/** The same for the same event, so that a repetition is found by its name, after a restart too. */
function eventName(objectName: string, identity: readonly string[]): string {
  const hex = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 16)
  const room = objectName.slice(0, MAX_NAME - hex.length - 1).replace(/[^a-z0-9]+$/, '')
  return `${room}.${hex}`
}

const lastSeen = ({ lastTimestamp, metadata }: StoredEvent): number => {
  const at = Date.parse(lastTimestamp ?? metadata.creationTimestamp)
  return Number.isNaN(at) ? 0 : at
}
