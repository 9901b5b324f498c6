// Events of hosts about objects that the scheduler knows, copied up: bounded per host, and never in anybody's way.
import type { Resources } from '../../lib/apiserver/resources.ts'
import type { Clock } from '../../lib/clock.ts'
import { isApiError, messageOf } from '../../lib/errors.ts'
import { RateLimit } from '../../lib/rate-limit.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { Event } from '../../schemas/index.ts'
import { EVENTS, NODES } from '../../schemas/resources.ts'
import { byUid, SHARED } from '../indexes.ts'

export interface EventCopierDeps {
  readonly reader: Pick<Reader, 'get' | 'byIndex'>
  readonly resources: Resources
  readonly clock: Clock
  readonly log: ReconcileLog
}

/** Of one host: so many at once, and ten each second. */
const OF_HOST = { burst: 200, refillMs: 100 }
/** Of one object, as Kubernetes' event spam filter. */
const OF_OBJECT = { burst: 25, refillMs: 30_000 }
const MAX_WAITING = 2_000
const BATCH = 100

export class EventCopier {
  readonly #deps: EventCopierDeps
  readonly #hosts: RateLimit
  readonly #objects: RateLimit
  /** By name: the newest of an event counts. */
  readonly #waiting = new Map<string, Event>()
  #writing: Promise<void> | null = null

  constructor(deps: EventCopierDeps) {
    this.#deps = deps
    this.#hosts = new RateLimit({ clock: deps.clock, ...OF_HOST })
    this.#objects = new RateLimit({ clock: deps.clock, ...OF_OBJECT })
  }

  /** Returns at once; one too many is dropped. */
  take(node: string, event: Event): void {
    const { uid = '' } = event.involvedObject
    if (!this.#isKnown(event)) return
    if (!this.#hosts.take(node) || !this.#objects.take(uid)) return
    const key = `${event.metadata.namespace}/${event.metadata.name}`
    if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(key)) return
    this.#waiting.set(key, event)
    this.#writing ??= this.#write()
  }

  /** Waits for what is being written. */
  async stop(): Promise<void> {
    this.#waiting.clear()
    await this.#writing
  }

  /** By its uid; a Node, whose uid at its agent is another one, by its name. */
  #isKnown({ involvedObject: { uid = '', kind, name = '' } }: Event): boolean {
    const { reader } = this.#deps
    if (kind === 'Node') return reader.get(NODES, { namespace: '', name }) !== null
    return SHARED.some((resource) => reader.byIndex(byUid(resource), uid).length > 0)
  }

  async #write(): Promise<void> {
    await Promise.resolve()
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, BATCH)
      for (const [key] of batch) this.#waiting.delete(key)
      await Promise.all(batch.map(([, event]) => this.#copy(event)))
    }
    this.#writing = null
  }

  async #copy(event: Event): Promise<void> {
    const { resources, log } = this.#deps
    const { name, namespace = 'default' } = event.metadata
    const { count, lastTimestamp } = event
    try {
      const known = await resources.modify<Event>(EVENTS, { namespace, name }, (here) =>
        here.count === count && here.lastTimestamp === lastTimestamp
          ? here
          : { ...here, ...(count === undefined ? {} : { count }), lastTimestamp: lastTimestamp ?? null },
      )
      if (known !== null) return
      const { metadata: _, ...said } = event
      await resources.create<Event>(EVENTS, { ...said, metadata: { name, namespace } } as never)
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists'))
        log.debug({ event: name, err: messageOf(error) }, 'an event of a host could not be stored')
    }
  }
}
