// The API of a simulated agent, as the scheduler's client finds it: lists, watches, bindings and claims, over the simulated network.
import type { Client } from '../../lib/client/client.ts'
import { UnreachableError } from '../../lib/client/errors.ts'
import type { ResourceInfo } from '../../lib/client/paths.ts'
import { ApiError } from '../../lib/errors.ts'
import type { KubeObject, NamespacedName } from '../../lib/object.ts'
import type { ClaimAsk } from '../../schemas/cluster/claim.ts'
import type { HostBinding } from '../../schemas/index.ts'
import type { SimAgent } from './host/agent.ts'
import type { SimHost } from './host/host.ts'
import type { Network, Party } from './network.ts'
import { Stream } from './stream.ts'
import type { Timeline } from './time.ts'

export interface ClientDeps {
  readonly timeline: Timeline
  readonly network: Network
  readonly from: Party
  readonly host: SimHost
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: KubeObject
}

const resourceOf = ({ group, plural }: ResourceInfo): string => (group === '' ? plural : `${plural}.${group}`)

class SimClient {
  readonly #deps: ClientDeps

  constructor(deps: ClientDeps) {
    this.#deps = deps
  }

  readonly objects = {
    list: (
      info: ResourceInfo,
      _scope: object,
      { signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number } = {},
    ) =>
      this.#ask(signal, timeoutMs, () => {
        const { disk } = this.#deps.host
        return { items: disk.objects(resourceOf(info)), resourceVersion: String(disk.revision) }
      }),
    watch: (info: ResourceInfo, _scope: object, after: string, { signal }: { signal?: AbortSignal } = {}) =>
      this.#watch(resourceOf(info), Number(after), signal),
    create: (_info: ResourceInfo, object: HostBinding, options: { signal?: AbortSignal } = {}) =>
      this.#ask(options.signal, undefined, (agent) => {
        if (this.#deps.host.disk.binding(object.metadata.name) !== null)
          throw new ApiError('AlreadyExists', 'the binding exists already')
        return agent.put(object)
      }),
    update: (_info: ResourceInfo, object: HostBinding, options: { signal?: AbortSignal } = {}) =>
      this.#ask(options.signal, undefined, (agent) => {
        if (this.#deps.host.disk.binding(object.metadata.name) === null)
          throw new ApiError('NotFound', 'there is no such binding')
        return agent.put(object)
      }),
    mergePatch: (
      _info: ResourceInfo,
      { name }: NamespacedName,
      { metadata }: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } },
      options: { signal?: AbortSignal } = {},
    ) => this.#ask(options.signal, undefined, (agent) => agent.annotate(name, metadata.annotations)),
    delete: (_info: ResourceInfo, { name }: NamespacedName, options: { signal?: AbortSignal } = {}) =>
      this.#ask(options.signal, undefined, (agent) => agent.forget(name)),
  }

  readonly transport = {
    json: ({
      path,
      body,
      signal,
      timeoutMs,
    }: {
      path: string
      body: unknown
      signal?: AbortSignal
      timeoutMs?: number
    }) =>
      this.#ask(signal, timeoutMs, (agent) => {
        if (path.endsWith('/claims')) return agent.claim(body as ClaimAsk)
        throw new ApiError('NotFound', `a simulated agent has no ${path}`)
      }),
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #ask<T>(
    signal: AbortSignal | undefined,
    deadlineMs: number | undefined,
    work: (agent: SimAgent) => T,
  ): Promise<T> {
    const { network, from, host } = this.#deps
    signal?.throwIfAborted()
    const answer = network.call(
      from,
      host,
      () => {
        if (host.agent === null) throw this.#lost('the connection was closed')
        return work(host.agent)
      },
      deadlineMs,
    )
    if (signal === undefined) return await answer
    let onAbort: () => void = () => undefined
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
    })
    // A link's signal lives as long as the link: listeners that stay would be one for each question of its life.
    signal.addEventListener('abort', onAbort)
    return await Promise.race([answer, aborted]).finally(() => signal.removeEventListener('abort', onAbort))
  }

  async *#watch(resource: string, after: number, outer: AbortSignal | undefined): AsyncGenerator<WatchEvent> {
    const { timeline, network, from, host } = this.#deps
    const life = from.life()
    // One signal ends all watches of a link: each listens to one of its own.
    const signal = outer === undefined ? undefined : AbortSignal.any([outer])
    if (life === null) return
    const queue: WatchEvent[] = []
    let failure: unknown = null
    let wake: () => void = () => undefined
    const fail = (error: unknown) => {
      failure ??= error
      timeline.alive()
      wake()
    }
    const onLost = () => life.whenAwake(() => fail(this.#lost('no sign of life')))
    const stream = new Stream({ timeline, network, sender: host.name, receiver: from.name, life, onLost })
    const push = ({ type, object }: WatchEvent) =>
      stream.send(() => {
        queue.push({ type, object })
        wake()
      })
    const onAbort = () => fail(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const ends: (() => void)[] = [() => stream.close()]
    try {
      await this.#ask(signal, undefined, () => {
        for (const told of host.disk.since(resource, after)) push(told)
        ends.push(host.disk.onChange((told) => told.resource === resource && push(told)))
        const closed = () => stream.send(() => fail(this.#lost('the connection was closed')))
        ends.push(host.onAgentEnd(() => (host.machine.powered ? closed() : stream.vanish())))
      })
      for (;;) {
        const next = queue.shift()
        if (next !== undefined) yield next
        else if (failure !== null) throw failure
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      for (const end of ends) end()
    }
  }

  #lost(words: string): UnreachableError {
    return new UnreachableError(`https://${this.#deps.host.name}:8750`, new Error(words))
  }
}

/** As much of a client as the scheduler's links use. */
export const simClient = (deps: ClientDeps): Client => new SimClient(deps) as unknown as Client
