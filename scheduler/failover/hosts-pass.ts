// The pass over hosts: which of them are lost or dead, what is done about it, and what their Nodes say.
import type { Resources } from '../../lib/apiserver/resources.ts'
import type { Clock } from '../../lib/clock.ts'
import { getCondition, removeCondition } from '../../lib/conditions.ts'
import type { EventRecorder } from '../../lib/controllers/event-recorder.ts'
import { nameOf, toKey } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { again, type Outcome } from '../../lib/reconcile/types.ts'
import type { Node, VirtualMachine } from '../../schemas/index.ts'
import { NODES, VMS } from '../../schemas/resources.ts'
import { byPlace } from '../indexes.ts'
import type { Leases } from '../leases.ts'
import { deathOf } from './death.ts'
import type { Fencings } from './fencings.ts'
import { afterVerdict, type NodeStatus, saysElse, toldOf } from './host-words.ts'
import { type FailoverLimits, type HostFacts, type HostVerdict, planHosts } from './plan-hosts.ts'
import { type HostPromise, promiseIn, promiseOf } from './promises.ts'
import { residentsOf } from './residents.ts'

/** Annotation of a Node: whoever sets it to `requested` wants a host that is not heard powered off, with all that runs there. */
const FENCE = 'berth/fence'
const REQUESTED = 'requested'

export interface HostsPassDeps {
  readonly reader: Reader
  readonly resources: Pick<Resources, 'modify' | 'modifyStatus'>
  readonly clock: Clock
  readonly events: Pick<EventRecorder, 'record'>
  readonly leases: Pick<Leases, 'get' | 'since'>
  /** Of the store: what hosts promised is believed when it was written to this very one. */
  readonly storeId: string
  /** Hosts that have joined. */
  readonly members: () => readonly string[]
  readonly fencings: Fencings
  readonly limits: FailoverLimits
  readonly wantsToRun: (vm: VirtualMachine) => boolean
  readonly wake: (key: string) => void
}

function once<T>(work: () => T): () => T {
  let done: { readonly value: T } | null = null
  return () => {
    done ??= { value: work() }
    return done.value
  }
}

export class HostsPass {
  readonly #deps: HostsPassDeps
  /** Uids of Nodes -> since when they are looked at. One that joins again is another Node. */
  #seenSince: ReadonlyMap<string, number> = new Map()

  constructor(deps: HostsPassDeps) {
    this.#deps = deps
  }

  /** `actsSince`: since when this scheduler may decide, and takes renewals; monotonic ms. */
  async run(actsSince: number): Promise<Outcome> {
    const { reader, clock, members, leases, limits } = this.#deps
    const nodes = new Map(
      members().flatMap((name) => {
        const node = reader.get<Node>(NODES, { namespace: '', name })
        return node === null ? [] : [[name, node] as const]
      }),
    )
    const now = clock.monotonic()
    this.#seenSince = new Map(
      [...nodes.values()].map(({ metadata: { uid } }) => [uid, this.#seenSince.get(uid) ?? now]),
    )
    const plan = planHosts({
      now,
      since: Math.max(leases.since, actsSince),
      hosts: [...nodes.values()].map((node) => this.#facts(node)),
      limits,
    })
    // All at once: a verdict is of this moment, and a host that is heard meanwhile must not be called lost minutes later.
    const said = await Promise.allSettled(
      plan.verdicts.flatMap((verdict) => {
        const node = nodes.get(verdict.name)
        return node === undefined ? [] : [this.#carryOut(node, verdict)]
      }),
    )
    const failed = said.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return again(plan.againMs, 'hosts are watched')
  }

  async #carryOut(node: Node, verdict: HostVerdict): Promise<void> {
    const { fencings } = this.#deps
    if (verdict.condition === null) {
      fencings.forget(verdict.name)
      await this.#dropRequest(node)
    }
    if (verdict.fence) fencings.begin(verdict.name)
    await this.#say(node, verdict)
  }

  /** Who takes no renewals knows nothing of leases: what was said of those that ran out is said no more. What is known to be dead stays so. */
  async hush(): Promise<void> {
    for (const node of this.#deps.reader.list<Node>(NODES)) {
      if (getCondition(node.status?.conditions, 'HostDead')?.status !== 'Unknown') continue
      await this.#write(node, (status) => {
        const conditions = removeCondition(status?.conditions, 'HostDead')
        return { ...status, conditions: [...conditions] } as NodeStatus
      })
      this.#wakeMachines(node.metadata.name)
    }
  }

  /** What is there is asked for of hosts that are lost alone: of all of them it is every machine of the cluster. */
  #facts(node: Node): HostFacts {
    const { reader, clock, leases, fencings, wantsToRun } = this.#deps
    const { name, annotations } = node.metadata
    const death = deathOf(node)
    const promise = once(() => this.#promise(node))
    const residents = once(() => residentsOf(name, promise().others, reader, wantsToRun))
    return {
      name,
      heardAt: leases.get(name)?.heardAt ?? null,
      since: this.#seenSince.get(node.metadata.uid) ?? 0,
      get evidence() {
        return promise().evidence
      },
      death,
      deadForMs: death === null ? null : clock.now() - Date.parse(death.since),
      fencing: fencings.of(name),
      canFence: fencings.has(name),
      get hasCandidates() {
        return residents().hasCandidates
      },
      get others() {
        return residents().others
      },
      asked: annotations?.[FENCE] === REQUESTED,
    }
  }

  /** Of a host that this process has not heard: what the earlier one was told, which has given no lease since on any other word. */
  #promise(node: Node): HostPromise {
    const { leases, storeId } = this.#deps
    const lease = leases.get(node.metadata.name)
    return lease === null ? promiseOf(node, storeId) : promiseIn(lease)
  }

  /** Who asked meant this silence, not the next one. */
  async #dropRequest(node: Node): Promise<void> {
    if (node.metadata.annotations?.[FENCE] === undefined) return
    await this.#deps.resources.modify<Node>(NODES, nameOf(node), (current) => {
      const { [FENCE]: _, ...annotations } = current.metadata.annotations ?? {}
      return { ...current, metadata: { ...current.metadata, annotations } }
    })
  }

  async #say(node: Node, verdict: HostVerdict): Promise<void> {
    const { clock, events } = this.#deps
    const { name } = node.metadata
    const { condition, death } = verdict
    const before = getCondition(node.status?.conditions, 'HostDead')
    if (condition === null && before === undefined && death === null) return
    const promise = this.#promise(node)
    await this.#write(node, (status) => afterVerdict(status, verdict, promise, clock.now()))
    const told = toldOf(name, before, condition)
    if (told !== null) events.record(node, told)
    if (saysElse(before, condition)) this.#wakeMachines(name)
  }

  async #write(node: Node, change: (status: Node['status']) => NodeStatus): Promise<void> {
    const target = { namespace: '', name: node.metadata.name, uid: node.metadata.uid }
    await this.#deps.resources.modifyStatus<Node>(NODES, target, change)
  }

  #wakeMachines(node: string): void {
    const { reader, wake } = this.#deps
    for (const vm of reader.byIndex<VirtualMachine>(byPlace(VMS), node)) wake(toKey(nameOf(vm)))
  }
}
