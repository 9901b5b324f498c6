// Keeps the placement core true to the store: hosts, machines that have a place, namespaces. A decision counts from the moment it is made;
// what the store says after it is the same, or takes it back.

import type { KubeObject } from '../../lib/object.ts'
import { Cluster, nodeFactsOf } from '../../lib/placement/index.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { keyOf } from '../../lib/store/change.ts'
import type { Change } from '../../lib/store/store.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type Node,
  nodeClassesOf,
  nodeImagesOf,
  openMigration,
  storedClass,
  type VirtualDisk,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { DISKS, NAMESPACES, NODES, VMS } from '../../schemas/resources.ts'
import { byUid, referenceOf, VMS_BY_REFERENCE } from '../indexes.ts'
import { factsOf } from './facts.ts'
import type { PriorityOf } from './priorities.ts'

export interface PlacementStateDeps {
  readonly reader: Reader
  readonly priorityOf: PriorityOf
  /** In words, why a host is given nothing now, whatever its Node says; null when it may be. */
  readonly notReady: (node: string) => string | null
  /** In words, why the folder of a shared class does not count on a host; null when it does. */
  readonly folderProblem: (node: string, storageClass: string) => string | null
  /** Something changed that may help a machine which found no place: more room, another host, other labels. */
  readonly onRoom: () => void
}

export class PlacementState {
  readonly cluster = new Cluster()
  readonly #deps: PlacementStateDeps
  #unsubscribe: () => void = () => undefined

  constructor(deps: PlacementStateDeps) {
    this.#deps = deps
  }

  /** Takes everything in, then follows. */
  start(): void {
    const { reader } = this.#deps
    for (const { metadata } of reader.list(NAMESPACES)) this.#namespace(metadata.name)
    for (const { metadata } of reader.list(NODES)) this.refresh(metadata.name)
    for (const vm of reader.list<VirtualMachine>(VMS)) this.#machine(vm)
    this.#unsubscribe = reader.onChange((change) => this.#follow(change))
  }

  stop(): void {
    this.#unsubscribe()
  }

  /** Reads a host anew: its object, and whether it may be given anything. */
  refresh(name: string): void {
    const { reader, notReady, folderProblem, onRoom } = this.#deps
    const node = reader.get<Node>(NODES, { namespace: '', name })
    if (node === null) {
      this.cluster.removeNode(name)
      return
    }
    this.cluster.upsertNode(
      nodeFactsOf(node, {
        notReady: notReady(name),
        folderProblem: (storageClass) => folderProblem(name, storageClass),
      }),
    )
    onRoom()
  }

  /** A decision did not come to be: what the store says counts. */
  reread(uid: string): void {
    const [vm] = this.#deps.reader.byIndex<VirtualMachine>(byUid(VMS), uid)
    if (vm === undefined) this.#release(uid)
    else this.#machine(vm)
  }

  #follow(change: Change): void {
    const { resource, name } = keyOf(change)
    if (resource === NODES) {
      if (change.type === 'delete' || isNews(change)) this.refresh(name)
    } else if (resource === NAMESPACES) this.#namespace(name)
    else if (resource === VMS) this.#changed(change)
    else if (resource === DISKS && change.type === 'put' && isDiskNews(change)) this.#disk(change.entry.value)
  }

  /**
   * What its machine is going to take of its hosts, and who reaches it, differs. Where the machine is does not: a decision under way is in the
   * store for its disks first, and its place counts all the same.
   */
  #disk({ metadata: { namespace = '', name } }: KubeObject): void {
    const { reader, priorityOf } = this.#deps
    for (const vm of reader.byIndex<VirtualMachine>(VMS_BY_REFERENCE, referenceOf('VirtualDisk', namespace, name))) {
      const [node, ...others] = this.cluster.placesOf(vm.metadata.uid)
      if (node === undefined) continue
      const facts = factsOf(vm, reader, priorityOf(vm))
      this.cluster.place(facts, node)
      for (const other of others) this.cluster.alsoPlace(facts, other)
    }
  }

  #changed(change: Change): void {
    if (change.type === 'delete') {
      this.#release(change.previous.metadata.uid)
      return
    }
    const vm = change.entry.value as VirtualMachine
    const previous = change.previous as VirtualMachine | null
    // Statuses come up often; what placement reads of a machine changes seldom.
    const isSame = previous !== null && shapeOf(previous) === shapeOf(vm)
    if (!isSame || (placeTextOf(previous) !== placeTextOf(vm) && !this.#isDecided(previous, vm))) this.#machine(vm)
    // Others may wait for just this one to be somewhere: to be near it, or for their spread.
    if (placeOf(vm) !== null && placeOf(vm) !== placeOf(previous)) this.#deps.onRoom()
  }

  /** Its first place is the one that it has here since it was decided, and a change of what it asks for would have taken it away. */
  #isDecided(before: VirtualMachine, now: VirtualMachine): boolean {
    const { placement } = clusterStatusOf<ClusterVmStatus>(now)
    const [node, ...others] = this.cluster.placesOf(now.metadata.uid)
    const isThere = others.length === 0 && node !== undefined && node === placement?.node
    return isThere && placeOf(before) === null && placement?.idle !== true
  }

  #machine(vm: VirtualMachine): void {
    const { reader, priorityOf } = this.#deps
    const status = clusterStatusOf<ClusterVmStatus>(vm)
    const { placement } = status
    const { uid } = vm.metadata
    if (placement === undefined || placement.idle === true) {
      this.#release(uid)
      return
    }
    const facts = factsOf(vm, reader, priorityOf(vm))
    this.cluster.place(facts, placement.node)
    const open = openMigration(status)
    if (open !== null && open.to !== placement.node) this.cluster.alsoPlace(facts, open.to)
    else if (open !== null && open.from !== placement.node) this.cluster.alsoPlace(facts, open.from)
  }

  #release(uid: string): void {
    if (this.cluster.vm(uid) === null) return
    this.cluster.release(uid)
    this.#deps.onRoom()
  }

  #namespace(name: string): void {
    const found = this.#deps.reader.get(NAMESPACES, { namespace: '', name })
    if (found === null) this.cluster.removeNamespace(name)
    else this.cluster.upsertNamespace(name, { 'kubernetes.io/metadata.name': name, ...found.metadata.labels })
  }
}

const placeOf = (vm: VirtualMachine | null): string | null =>
  clusterStatusOf<ClusterVmStatus>(vm).placement?.node ?? null

const placeTextOf = (vm: VirtualMachine): string => JSON.stringify(clusterStatusOf<ClusterVmStatus>(vm).placement)

/** All of a machine that placement reads but its place, as one text. */
function shapeOf(vm: VirtualMachine): string {
  const { migration, eviction } = clusterStatusOf<ClusterVmStatus>(vm)
  const { generation, labels, deletionTimestamp } = vm.metadata
  return JSON.stringify([generation, labels, deletionTimestamp, migration?.phase, migration?.to, eviction])
}

/** Whether a change of a disk is one of what placement reads: where it is, and whether its file is there. */
function isDiskNews(change: Extract<Change, { type: 'put' }>): boolean {
  const read = (object: KubeObject | null) => {
    const { placement, folder } = clusterStatusOf<ClusterDiskStatus>(object as VirtualDisk | null)
    const { target, capacity } = (object as VirtualDisk | null)?.status ?? {}
    return JSON.stringify([placement?.node, folder, target?.persistentVolumeClaimName, capacity])
  }
  return read(change.previous) !== read(change.entry.value)
}

/** Whether a change of a Node is one of what placement reads. */
function isNews(change: Extract<Change, { type: 'put' }>): boolean {
  if (change.previous === null) return true
  const read = (node: Node) => {
    const { metadata, spec, status } = node
    return JSON.stringify([
      metadata.labels,
      spec,
      status?.allocatable,
      status?.conditions?.map(({ type, status: truth, reason }) => [type, truth, reason]),
      nodeClassesOf(node)?.map(storedClass),
      nodeImagesOf(node),
    ])
  }
  return read(change.previous as Node) !== read(change.entry.value as Node)
}
