// The links to all agents of the cluster: what the rest of the scheduler knows as `Agents`.
import type { Client } from '../../lib/client/client.ts'
import { UnreachableError } from '../../lib/client/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { isApiError, messageOf } from '../../lib/errors.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import { Semaphore } from '../../lib/semaphore.ts'
import type { Event, HostBinding } from '../../schemas/index.ts'
import { HOST_BINDINGS } from '../../schemas/resources.ts'
import type { Agents, AgentView } from '../agents.ts'
import { Claims } from './claims.ts'
import type { AgentClients } from './clients.ts'
import type { Door } from './door.ts'
import { Gate } from './gate.ts'
import { Knocks } from './knocks.ts'
import { Link } from './link.ts'
import type { Ruler } from './ruler.ts'
import type { Told } from './view.ts'
import { BINDINGS } from './watched.ts'

export type ChangeListener = (node: string, change: Told | null) => void
export type EventListener = (node: string, event: Event) => void

export interface LinksDeps {
  /** Whoever waits there is let in before another host is read. */
  readonly door?: Pick<Door, 'quiet'>
  readonly clients: AgentClients
  readonly ruler: Ruler
  readonly clock: Clock
  readonly log: ReconcileLog
}

/** Agents that are read from the beginning at the same time. */
const READING = 16
/** From the start on, until hosts are read though this scheduler does not rule: half of them may be away for good. */
const RULE_MS = 10_000

interface Member {
  readonly link: Link
  readonly gate: Gate
}

export class Links implements Agents {
  readonly #deps: LinksDeps
  readonly #members = new Map<string, Member>()
  readonly #reading = new Semaphore(READING)
  readonly #knocks: Knocks
  readonly #claims: Claims
  readonly #changes = new Set<ChangeListener>()
  readonly #events = new Set<EventListener>()
  /** Nodes by uid of the subject of a binding that they have. */
  readonly #holders = new Map<string, Set<string>>()
  readonly #stopping = new AbortController()
  #calming: Promise<void> | null = null
  /** Monotonic milliseconds. */
  #readsFrom = 0
  #unsubscribe: () => void = () => undefined

  constructor(deps: LinksDeps) {
    this.#deps = deps
    this.#knocks = new Knocks(deps)
    this.#claims = new Claims({ ...deps, onWord: (node) => this.#tell(node, null) })
  }

  /** Resolves once every node was asked for its obedience, whatever came of it. */
  get asked(): Promise<void> {
    return this.#claims.first
  }

  start(): void {
    const { clients, clock } = this.#deps
    this.#readsFrom = clock.monotonic() + RULE_MS
    this.#unsubscribe = clients.onChange((node) => this.#joinedOrLeft(node))
    for (const node of clients.nodes()) this.#joinedOrLeft(node)
    this.#claims.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    this.#stopping.abort(new Error('the scheduler is stopping'))
    await Promise.all([this.#claims.stop(), ...[...this.#members.values()].map(({ link }) => link.stop())])
  }

  view(node: string): AgentView | null {
    return this.#members.get(node)?.link.view ?? null
  }

  views(): readonly AgentView[] {
    return [...this.#members.values()].map(({ link }) => link.view)
  }

  /** Nodes that have a binding of that object. */
  holders(uid: string): readonly string[] {
    return [...(this.#holders.get(uid) ?? [])]
  }

  /** What hosts have of that object, by node. */
  bindingsOf(uid: string): ReadonlyMap<string, HostBinding> {
    return new Map(
      this.holders(uid).flatMap((node) => {
        const binding = this.view(node)?.binding(uid) ?? null
        return binding === null ? [] : [[node, binding] as const]
      }),
    )
  }

  /** In words, why what a node told may be old; null while it is not. */
  problem(node: string): string | null {
    const member = this.#members.get(node)
    return member === undefined ? 'it has not joined' : member.link.problem
  }

  /** A host has given a sign of life: if it has not accepted this scheduler yet it is asked at once. */
  heard(node: string): void {
    this.#claims.heard(node)
  }

  /** A host that was silent has given a sign of life: what is tried since is not worth waiting for. */
  hurry(node: string): void {
    const link = this.#members.get(node)?.link
    if (link !== undefined && link.problem !== null) link.renew('the host is heard again')
  }

  onChange(listener: ChangeListener): () => void {
    this.#changes.add(listener)
    return () => this.#changes.delete(listener)
  }

  /** Hears of each event that an agent recorded. */
  onEvent(listener: EventListener): () => void {
    this.#events.add(listener)
    return () => this.#events.delete(listener)
  }

  async put(node: string, binding: HostBinding, signal: AbortSignal): Promise<HostBinding> {
    const isKnown = this.view(node)?.binding(binding.metadata.name) != null
    const stored = await this.#ask(node, signal, (client, within) => putBinding(client, binding, isKnown, within))
    const told = this.#members.get(node)?.link.view.put(HOST_BINDINGS, stored)
    if (told !== null && told !== undefined) this.#tell(node, { ...told, own: true })
    return stored
  }

  async forget(node: string, uid: string, signal: AbortSignal): Promise<void> {
    await this.#ask(node, signal, (client, within) =>
      client.objects.delete(BINDINGS, { namespace: '', name: uid }, { signal: within }).catch(absent),
    )
  }

  /** Puts words onto a binding, and changes nothing else of it. */
  async annotate(
    node: string,
    uid: string,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const patch = { metadata: { annotations } }
    await this.#ask(node, signal, (client, within) =>
      client.objects.mergePatch(BINDINGS, { namespace: '', name: uid }, patch, { signal: within }),
    )
  }

  async #ask<T>(
    node: string,
    signal: AbortSignal,
    work: (client: Client, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const client = this.#deps.clients.clientFor(node)
    const member = this.#members.get(node)
    if (client === null || member === undefined)
      throw new UnreachableError(`the agent of ${node}`, new Error('the node has not joined'))
    return await member.gate.run((within) => work(client, within), signal)
  }

  #joinedOrLeft(node: string): void {
    const { clients, clock, log } = this.#deps
    const member = this.#members.get(node)
    if (clients.clientFor(node) === null) {
      if (member === undefined) return
      this.#members.delete(node)
      for (const { metadata } of member.link.view.bindings()) this.#hold(node, metadata.name, false)
      void member.link.stop()
      this.#deps.ruler.recount()
      this.#tell(node, null)
      return
    }
    this.#claims.heard(node)
    if (member !== undefined) {
      member.link.renew()
      return
    }
    const link = new Link({
      node,
      clients,
      clock,
      log,
      knocks: this.#knocks,
      calm: () => this.#calm(),
      turn: (signal) => this.#turn(signal),
      onChange: (change) => this.#tell(node, change),
      onEvent: (event) => {
        for (const listener of this.#events) this.#safely(() => listener(node, event))
      },
    })
    this.#members.set(node, { link, gate: new Gate({ node, clock }) })
    link.start()
  }

  async #turn(signal: AbortSignal): Promise<() => void> {
    const end = await this.#reading.take(signal)
    try {
      await this.#deps.door?.quiet(signal)
      return end
    } catch (error) {
      end()
      throw error
    }
  }

  /** Resolves when there is time to read hosts. Never rejects; all that wait do so together. */
  #calm(): Promise<void> {
    this.#calming ??= this.#settle()
      .catch(() => undefined)
      .finally(() => {
        this.#calming = null
      })
    return this.#calming
  }

  /** Hosts come back for their leases, which are given by a scheduler that rules: both go before what it wants to know of them. */
  async #settle(): Promise<void> {
    const { door, ruler, clock } = this.#deps
    const { signal } = this.#stopping
    if (door === undefined) return
    const left = this.#readsFrom - clock.monotonic()
    if (left > 0 && ruler.refusal() !== null) {
      const rules = new AbortController()
      const forget = ruler.onChange(() => {
        if (ruler.refusal() === null) rules.abort()
      })
      await clock.sleep(left, AbortSignal.any([signal, rules.signal])).catch(() => undefined)
      forget()
    }
    await door.quiet(signal)
  }

  #tell(node: string, change: Told | null): void {
    if (change?.resource === HOST_BINDINGS)
      this.#hold(node, change.uid, this.#members.get(node)?.link.view.binding(change.uid) != null)
    for (const listener of this.#changes) this.#safely(() => listener(node, change))
  }

  /** One listener's fault must not cost another its wake-up. */
  #safely(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#deps.log.error({ err: error }, `a listener of the agents failed: ${messageOf(error)}`)
    }
  }

  #hold(node: string, uid: string, holds: boolean): void {
    const nodes = this.#holders.get(uid) ?? new Set()
    if (holds) nodes.add(node)
    else nodes.delete(node)
    if (nodes.size === 0) this.#holders.delete(uid)
    else this.#holders.set(uid, nodes)
  }
}

const PUT_ATTEMPTS = 6

/** Replaces what is there, or makes it; which of the two is right may change between look and write. */
async function putBinding(
  client: Client,
  binding: HostBinding,
  isKnown: boolean,
  signal: AbortSignal,
): Promise<HostBinding> {
  const options = { signal, fieldManager: 'berth-scheduler' }
  let replaces = isKnown
  for (let attempt = 1; ; attempt++) {
    try {
      return replaces
        ? await client.objects.update<HostBinding>(BINDINGS, binding, options)
        : await client.objects.create<HostBinding>(BINDINGS, binding, options)
    } catch (error) {
      if (!isApiError(error, replaces ? 'NotFound' : 'AlreadyExists') || attempt >= PUT_ATTEMPTS) throw error
      replaces = !replaces
    }
  }
}

function absent(error: unknown): void {
  if (!isApiError(error, 'NotFound')) throw error
}
