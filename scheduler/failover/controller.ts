// Hosts that are not heard of, and machines that are started elsewhere because of it. One pass at a time over all keys: a host that comes
// back and a machine that leaves it are never decided at the same moment.

import type { Resources } from '../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import { getCondition, removeCondition } from '../../lib/conditions.ts'
import type { EventRecorder } from '../../lib/controllers/event-recorder.ts'
import type { Counts } from '../../lib/metrics/metrics.ts'
import { fromKey, nameOf, toKey } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome, type Reconciler } from '../../lib/reconcile/types.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type Leaving,
  type Node,
  nextEpoch,
  openMigration,
  type VirtualDisk,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { DISKS, NODES, VMS } from '../../schemas/resources.ts'
import { disksOf } from '../binder/needs.ts'
import { byPlace } from '../indexes.ts'
import type { Leases } from '../leases.ts'
import { FAILOVERS } from '../metrics/catalogue.ts'
import { isShared } from '../placement/facts.ts'
import { FAILOVER_CONDITIONS, type FailoverCondition, HOST_DEAD_CONDITIONS } from './conditions.ts'
import { coversMachine, type Death, deathOf, deathOn } from './death.ts'
import { asksForFailover, localDisksOf } from './eligible.ts'
import { FAILOVER_EVENTS } from './events.ts'
import type { Fencings } from './fencings.ts'
import { type FailoverLimits, type HostFacts, type HostVerdict, planHosts } from './plan-hosts.ts'
import { planMachine } from './plan-machine.ts'
import { type HostPromise, promiseIn, promiseOf } from './promises.ts'
import { residentsOf } from './residents.ts'

/** Annotation of a Node: whoever sets it to `requested` wants a host that is not heard powered off, with all that runs there. */
const FENCE = 'berth/fence'
const REQUESTED = 'requested'
/** The key of the pass over hosts. Names of machines have a namespace before the slash. */
export const HOSTS_KEY = '/hosts'

export interface FailoverDeps {
  readonly reader: Reader
  readonly resources: Resources
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
  /** Where the machine can be started; `not`: the host that is dead. */
  readonly placeOf: (
    vm: VirtualMachine,
    not: string,
  ) => { readonly node: string } | { readonly node: null; readonly message: string }
  /** In words, why this scheduler may not decide anything now; null: it may. */
  readonly frozen: () => string | null
  /** It never will again: another scheduler rules. */
  readonly isOver: () => boolean
  readonly wake: (key: string) => void
  readonly metrics?: Counts
}

const coveredBy = ({ evidence }: Pick<Death, 'evidence'>, { covers, asks }: HostPromise) =>
  evidence === 'fenced' ? asks : covers

type NodeStatus = NonNullable<Node['status']>
const RETRY_MS = 5_000

function once<T>(work: () => T): () => T {
  let done: { readonly value: T } | null = null
  return () => {
    done ??= { value: work() }
    return done.value
  }
}

export class FailoverReconciler implements Reconciler {
  readonly #deps: FailoverDeps
  /** Since when this scheduler may decide; while it may not, it takes no renewals either. Null: it may not. */
  #actsSince: number | null = null
  /** Uids of Nodes -> since when they are looked at. One that joins again is another Node. */
  #seenSince: ReadonlyMap<string, number> = new Map()

  constructor(deps: FailoverDeps) {
    this.#deps = deps
  }

  async reconcile(key: string): Promise<Outcome> {
    const why = this.#deps.frozen()
    if (why !== null) {
      this.#actsSince = null
      if (this.#deps.isOver()) await this.#hush(key)
      return again(RETRY_MS, why)
    }
    this.#actsSince ??= this.#deps.clock.monotonic()
    return key === HOSTS_KEY ? await this.#hosts() : await this.#machine(key)
  }

  /** Who takes no renewals knows nothing of leases: what was said of those that ran out is said no more. What is known to be dead stays so. */
  async #hush(key: string): Promise<void> {
    const { reader, resources } = this.#deps
    if (key !== HOSTS_KEY) {
      const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
      const node = vm === null ? undefined : clusterStatusOf<ClusterVmStatus>(vm).placement?.node
      if (vm === null || node === undefined || deathOn(reader, node) !== null) return
      if (getCondition(vm.status?.conditions, 'Failover')?.status === 'False') await this.#tell(vm, null)
      return
    }
    for (const node of reader.list<Node>(NODES)) {
      if (getCondition(node.status?.conditions, 'HostDead')?.status !== 'Unknown') continue
      const target = { namespace: '', name: node.metadata.name, uid: node.metadata.uid }
      await resources.modifyStatus<Node>(NODES, target, (status) => {
        const conditions = removeCondition(status?.conditions, 'HostDead')
        return { ...status, conditions: [...conditions] } as NodeStatus
      })
      this.#wakeMachines(node.metadata.name)
    }
  }

  async #hosts(): Promise<Outcome> {
    const { reader, clock, fencings, members, leases, limits } = this.#deps
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
      since: Math.max(leases.since, this.#actsSince ?? 0),
      hosts: [...nodes.values()].map((node) => this.#facts(node)),
      limits,
    })
    for (const verdict of plan.verdicts) {
      const node = nodes.get(verdict.name)
      if (node === undefined) continue
      if (verdict.condition === null) {
        fencings.forget(verdict.name)
        await this.#dropRequest(node)
      }
      if (verdict.fence) fencings.begin(verdict.name)
      if (await this.#say(node, verdict)) this.#wakeMachines(verdict.name)
    }
    return again(plan.againMs, 'hosts are watched')
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

  /** True: what machines there wait for is another thing now. */
  async #say(node: Node, { death, condition }: HostVerdict): Promise<boolean> {
    const { resources, clock, events } = this.#deps
    const before = getCondition(node.status?.conditions, 'HostDead')
    const promise = this.#promise(node)
    if (condition === null && before === undefined && death === null) return false
    const target = { namespace: '', name: node.metadata.name, uid: node.metadata.uid }
    await resources.modifyStatus<Node>(NODES, target, (status, current) => {
      const conditions =
        condition === null
          ? removeCondition(status?.conditions, 'HostDead')
          : HOST_DEAD_CONDITIONS.set(status?.conditions, condition, undefined, clock.now())
      const { death: known, ...berth } = ((status as { readonly berth?: object })?.berth ?? {}) as {
        readonly death?: Death
      }
      const next =
        death === 'back'
          ? undefined
          : death === null
            ? known
            : { ...death, since: timestamp(clock.now()), covers: coveredBy(death, promise) }
      const had = (current.status as { readonly berth?: object } | undefined)?.berth !== undefined
      return {
        ...status,
        conditions: [...conditions],
        ...(next === undefined && !had ? {} : { berth: { ...berth, ...(next === undefined ? {} : { death: next }) } }),
      } as unknown as NodeStatus
    })
    if (condition === null)
      events.record(node, FAILOVER_EVENTS.text('HostBack', `${node.metadata.name} is heard again`))
    if (condition === null || before?.reason === condition.reason)
      return condition === null || before?.message !== condition.message
    const message = condition.message ?? ''
    if (condition.status === 'True') events.record(node, FAILOVER_EVENTS.text('HostDead', message))
    else if (condition.reason === 'FailoverFrozen') events.record(node, FAILOVER_EVENTS.text('FailoverFrozen', message))
    else if (condition.reason === 'FencingFailed') events.record(node, FAILOVER_EVENTS.text('FencingFailed', message))
    else if (before === undefined) events.record(node, FAILOVER_EVENTS.text('HostLost', message))
    return true
  }

  #machinesOn = (node: string): readonly VirtualMachine[] =>
    this.#deps.reader.byIndex<VirtualMachine>(byPlace(VMS), node)

  #wakeMachines(node: string): void {
    for (const vm of this.#machinesOn(node)) this.#deps.wake(toKey(nameOf(vm)))
  }

  async #machine(key: string): Promise<Outcome> {
    const { reader, wantsToRun, placeOf } = this.#deps
    const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
    if (vm === null || vm.metadata.deletionTimestamp !== undefined) return DONE
    const status = clusterStatusOf<ClusterVmStatus>(vm)
    await this.#moveDisks(vm, status)
    const { placement } = status
    if (placement === undefined) return DONE
    const node = reader.get<Node>(NODES, { namespace: '', name: placement.node })
    const condition = getCondition(node?.status?.conditions, 'HostDead')
    const death = deathOf(node)
    const step = planMachine({
      node: placement.node,
      silence: condition?.message ?? null,
      death,
      covered: death !== null && coversMachine(death, vm.metadata.uid, placement.epoch),
      enabled: asksForFailover(vm),
      localDisks: localDisksOf(vm, reader),
      wanted: wantsToRun(vm),
      moving: openMigration(status) !== null,
      failedOver: getCondition(vm.status?.conditions, 'Failover')?.status === 'True',
      choose: () => placeOf(vm, placement.node),
    })
    if (step.do === 'nothing') return DONE
    if (step.do === 'say') await this.#tell(vm, step.condition)
    else if (!(await this.#failOver(vm, step.to, step.condition))) return again(0, 'the machine changed meanwhile')
    return step.do === 'say' && step.condition !== null ? again(RETRY_MS, step.condition.message ?? '') : DONE
  }

  async #tell(vm: VirtualMachine, condition: FailoverCondition | null): Promise<void> {
    if (condition === null && getCondition(vm.status?.conditions, 'Failover') === undefined) return
    await this.#write(vm, (status, current) => ({ ...status, conditions: this.#said(current, condition) }))
  }

  #said = (vm: VirtualMachine, condition: FailoverCondition | null) => [
    ...(condition === null
      ? removeCondition(vm.status?.conditions, 'Failover')
      : FAILOVER_CONDITIONS.set(vm.status?.conditions, condition, vm.metadata.generation, this.#deps.clock.now())),
  ]

  /** False: what the decision was made from has changed; nothing is stored. */
  async #failOver(vm: VirtualMachine, to: string, condition: FailoverCondition): Promise<boolean> {
    const { clock, events, reader } = this.#deps
    const seen = clusterStatusOf<ClusterVmStatus>(vm).placement
    const evidence = seen === undefined ? undefined : deathOn(reader, seen.node)?.evidence
    let stored = false
    await this.#write(vm, (status, current) => {
      const berth = clusterStatusOf<ClusterVmStatus>(current)
      const { placement } = berth
      stored =
        placement !== undefined &&
        placement.node === seen?.node &&
        placement.epoch === seen.epoch &&
        openMigration(berth) === null &&
        deathOn(reader, placement.node) !== null
      if (!stored || placement === undefined) return status
      const since = timestamp(clock.now())
      const next: ClusterVmStatus = {
        ...berth,
        placement: { node: to, epoch: nextEpoch(berth), since },
        leaving: leavingWith(berth.leaving, { ...placement, since }, to),
      }
      return { ...status, conditions: this.#said(current, condition), berth: next }
    })
    if (stored) {
      if (evidence !== undefined) this.#deps.metrics?.inc(FAILOVERS, { evidence })
      events.record(vm, FAILOVER_EVENTS.text('FailedOver', condition.message ?? ''))
    }
    const after = reader.get<VirtualMachine>(VMS, nameOf(vm))
    if (stored && after !== null) await this.#moveDisks(after, clusterStatusOf<ClusterVmStatus>(after))
    return stored
  }

  /** Shared disks follow their machine from a host that it has left without a move. */
  async #moveDisks(vm: VirtualMachine, { placement, leaving = [], migration }: ClusterVmStatus): Promise<void> {
    const { reader, resources, clock } = this.#deps
    if (placement === undefined || leaving.length === 0 || openMigration({ ...(migration && { migration }) }) !== null)
      return
    for (const disk of disksOf(vm, reader)) {
      const from = clusterStatusOf<ClusterDiskStatus>(disk).placement?.node
      if (from === placement.node || !leaving.some(({ node }) => node === from) || !isShared(disk, reader)) continue
      await resources.modifyStatus<VirtualDisk>(
        DISKS,
        { ...nameOf(disk), uid: disk.metadata.uid },
        (status, current) => {
          const berth = clusterStatusOf<ClusterDiskStatus>(current)
          if (berth.placement === undefined || berth.placement.node !== from) return status
          const since = timestamp(clock.now())
          const next: ClusterDiskStatus = {
            ...berth,
            placement: { ...berth.placement, node: placement.node, epoch: nextEpoch(berth), since },
            leaving: leavingWith(berth.leaving, { ...berth.placement, since }, placement.node),
          }
          return { ...status, berth: next } as unknown as NonNullable<VirtualDisk['status']>
        },
      )
    }
  }

  async #write(
    vm: VirtualMachine,
    change: (status: VirtualMachine['status'], current: VirtualMachine) => unknown,
  ): Promise<void> {
    const target = { ...nameOf(vm), uid: vm.metadata.uid }
    await this.#deps.resources.modifyStatus<VirtualMachine>(
      VMS,
      target,
      (status, current) => change(status, current) as NonNullable<VirtualMachine['status']>,
    )
  }
}

/** One entry for each host, and none for the one that it goes to. */
const leavingWith = (
  before: readonly Leaving[] | undefined,
  { node, epoch, since }: Leaving,
  to: string,
): readonly Leaving[] => [
  ...(before ?? []).filter((each) => each.node !== node && each.node !== to),
  { node, epoch, since },
]
