// The link to one agent: reads everything once, then follows every change; begins anew, ever more seldom, when that breaks.
import type { Client } from '../../lib/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { Backoff } from '../../lib/reconcile/backoff.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import { type Event, type KindDef, NODE } from '../../schemas/index.ts'
import type { AgentClients } from './clients.ts'
import type { Knocks } from './knocks.ts'
import { NodeView, type Told } from './view.ts'
import { infoOf, PASSED_ON, WATCHED } from './watched.ts'

export interface LinkDeps {
  readonly node: string
  readonly clients: Pick<AgentClients, 'clientFor'>
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly knocks: Pick<Knocks, 'at'>
  /** Resolves when the scheduler has nothing more urgent to do. */
  readonly calm: () => Promise<void>
  /** Waits for a turn to read everything, and returns what ends that turn: a cluster's agents are not all read at one moment. */
  readonly turn: (signal: AbortSignal) => Promise<() => void>
  readonly onChange: (change: Told | null) => void
  readonly onEvent: (event: Event) => void
}

/** One page of a list at most. */
const LIST_MS = 15_000
/** A watch that cannot be had again at once is lost. */
const PATIENCE_MS = 0
/** One small object: the host's own. */
const KNOCK = infoOf(NODE)
const BACKOFF = { firstMs: 500, maxMs: 10_000 }

export class Link {
  readonly view: NodeView
  readonly #deps: LinkDeps
  readonly #backoff: Backoff
  readonly #stopping = new AbortController()
  #restart = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #problem: string | null = 'its agent was not reached yet'
  /** Where the events were read up to: events are not listed, those of a gap are read from here. */
  #eventsAfter: string | null = null

  constructor(deps: LinkDeps) {
    this.#deps = deps
    this.view = new NodeView(deps.node)
    this.#backoff = new Backoff(BACKOFF)
  }

  /** In words, why the view may be old; null while it is not. */
  get problem(): string | null {
    return this.#problem
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Begin anew at once. */
  renew(why = 'the way to the agent has changed'): void {
    this.#backoff.reset('')
    this.#restart.abort(new Error(why))
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the link is no longer wanted'))
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, log, node } = this.#deps
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#restart = new AbortController()
      const both = AbortSignal.any([signal, this.#restart.signal])
      try {
        await this.#live(both)
      } catch (error) {
        if (signal.aborted) return
        const problem = messageOf(error)
        if (problem !== this.#problem) log.warn({ node, err: error }, `the link to an agent is lost: ${problem}`)
        this.#problem = problem
      }
      if (this.view.setInSync(false)) this.#deps.onChange(null)
      await clock.sleep(this.#backoff.next(''), both).catch(() => undefined)
    }
  }

  /** Ends only by throwing: when a watch is lost, when there is no way to the agent, or by the signal. */
  async #live(outer: AbortSignal): Promise<void> {
    const { clients, node, log, knocks } = this.#deps
    const client = clients.clientFor(node)
    if (client === null) throw new Error('the node has not joined')
    const over = new AbortController()
    const signal = AbortSignal.any([outer, over.signal])
    await this.#deps.calm()
    signal.throwIfAborted()
    // A turn is for those that answer.
    await knocks.at(() => client.objects.list(KNOCK, {}, { signal, timeoutMs: LIST_MS }), signal)
    const end = await this.#deps.turn(signal)
    const versions = new Map<KindDef, string>()
    try {
      for (const kind of WATCHED) versions.set(kind, await this.#read(client, kind, signal))
    } finally {
      end()
    }
    const watches = [...versions].map(([kind, after]) => this.#follow(client, kind, after, signal))
    // One counter for all of an agent's objects: events from where the rest was read, or from where they were read before.
    this.#eventsAfter ??= versions.get(WATCHED.at(-1) ?? PASSED_ON) ?? '0'
    const all = [...watches, this.#events(client, this.#eventsAfter, signal)]
    this.#problem = null
    this.#backoff.reset('')
    log.info({ node }, 'the link to an agent is up')
    if (this.view.setInSync(true)) this.#deps.onChange(null)
    try {
      await Promise.race(all)
    } finally {
      over.abort(new Error('another watch of the agent was lost'))
      await Promise.allSettled(all)
    }
  }

  async #read(client: Client, kind: KindDef, signal: AbortSignal): Promise<string> {
    const list = await client.objects.list(infoOf(kind), {}, { signal, timeoutMs: LIST_MS })
    for (const told of this.view.replace(kind.resource, list.items)) this.#deps.onChange(told)
    return list.resourceVersion
  }

  async #follow(client: Client, kind: KindDef, after: string, signal: AbortSignal): Promise<never> {
    const watch = client.objects.watch<KubeObject>(infoOf(kind), {}, after, { signal, patienceMs: PATIENCE_MS })
    for await (const { type, object } of watch) {
      const told = type === 'DELETED' ? this.view.drop(kind.resource, object) : this.view.put(kind.resource, object)
      if (told !== null) this.#deps.onChange(told)
    }
    throw new Error(`the watch of ${kind.plural} ended`)
  }

  async #events(client: Client, after: string, signal: AbortSignal): Promise<never> {
    try {
      const watch = client.objects.watch<Event>(infoOf(PASSED_ON), {}, after, { signal, patienceMs: PATIENCE_MS })
      for await (const { type, object } of watch) {
        this.#eventsAfter = object.metadata.resourceVersion
        if (type !== 'DELETED') this.#deps.onEvent(object)
      }
    } catch (error) {
      // Too long a gap: what happened in it is lost, what happens from now on is not.
      this.#eventsAfter = null
      throw error
    }
    throw new Error('the watch of events ended')
  }
}
