// VirtualDisk in a cluster: gives one that no machine takes along to a host, and says what it waits for while no host speaks of it.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../../lib/clock.ts'
import { fromKey, nameOf, toKey } from '../../../lib/object.ts'
import { toBytes } from '../../../lib/quantity.ts'
import { Controller, type ControllerObserver } from '../../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome } from '../../../lib/reconcile/types.ts'
import {
  type ClusterDiskStatus,
  type ClusterImageStatus,
  clusterStatusOf,
  isShared,
  type Node,
  nextEpoch,
  nodeClassesOf,
  nodeStorageOf,
  type VirtualDisk,
  waitsForConsumer,
} from '../../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, NODES, STORAGE_CLASSES, VMS } from '../../../schemas/resources.ts'
import { storageClassOf } from '../../binder/needs.ts'
import { newerDiskHolder } from '../../binder/newer.ts'
import { byPlace, referenceOf, UNPLACED, UNPLACED_DISKS, VMS_BY_REFERENCE, vmReferences } from '../../indexes.ts'
import type { Links } from '../../links/links.ts'
import { HOSTS_FINALIZER } from '../virtualmachine/finalizer.ts'
import { CLUSTER_DISK_CONDITIONS, type ClusterDiskCondition } from './conditions.ts'
import { aimDisk, type DiskHost } from './plan.ts'

export interface DiskPlacesDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly agents: Pick<Links, 'bindingsOf'>
  /** Members of the cluster. */
  readonly nodes: () => readonly string[]
  /** In words, why a host is given nothing now; null when it is ready. */
  readonly notReady: (node: string) => string | null
  /** In words, why the folder of a shared class does not count on a host; null when it does. */
  readonly folderProblem: (node: string, storageClass: string) => string | null
  /** In words, why a host is not heard of; null when it is. */
  readonly silence: (node: string) => string | null
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

const CONCURRENCY = 8

export class DiskPlaces {
  readonly controller: Controller
  readonly #deps: DiskPlacesDeps

  constructor(deps: DiskPlacesDeps) {
    this.#deps = deps
    const { reader, clock, log, observer } = deps
    this.controller = new Controller({
      name: 'place-virtualdisks',
      reconciler: { reconcile: (key) => this.#pass(key) },
      clock,
      log,
      concurrency: CONCURRENCY,
      keys: () => reader.list(DISKS).map((object) => toKey(nameOf(object))),
      ...(observer === undefined ? {} : { observer }),
    })
  }

  /** Follows disks, the machines that name them and the classes. Returns the unsubscribe function. */
  start(): () => void {
    const { reader } = this.#deps
    return reader.onChange((change) => {
      const { resource } = change.type === 'put' ? change.entry.key : change.key
      const object = change.type === 'put' ? change.entry.value : change.previous
      if (resource === DISKS) this.controller.enqueue(toKey(nameOf(object)))
      if (resource === STORAGE_CLASSES) this.#all()
      if (
        resource !== VMS ||
        (change.type === 'put' && change.previous?.metadata.generation === object.metadata.generation)
      )
        return
      for (const reference of vmReferences(object)) {
        const [kind, namespace = '', name = ''] = reference.split('/')
        if (kind === 'VirtualDisk') this.controller.enqueue(toKey({ namespace, name }))
      }
    })
  }

  /** A host is heard of no more, or again. */
  turned(node: string): void {
    const { reader } = this.#deps
    for (const disk of [...reader.byIndex(byPlace(DISKS), node), ...reader.byIndex(UNPLACED_DISKS, UNPLACED)])
      this.controller.enqueue(toKey(nameOf(disk)))
  }

  #all(): void {
    for (const disk of this.#deps.reader.list(DISKS)) this.controller.enqueue(toKey(nameOf(disk)))
  }

  async #pass(key: string): Promise<Outcome> {
    const { reader, agents, clock, silence } = this.#deps
    const disk = reader.get<VirtualDisk>(DISKS, fromKey(key))
    if (disk === null) return DONE
    const newer = newerDiskHolder(disk, agents.bindingsOf(disk.metadata.uid))
    if (disk.metadata.deletionTimestamp !== undefined && newer === null) return DONE
    const { placement } = clusterStatusOf<ClusterDiskStatus>(disk)
    const storageClass = storageClassOf(disk, reader)
    const { namespace = '', name, creationTimestamp } = disk.metadata
    const machines = reader
      .byIndex(VMS_BY_REFERENCE, referenceOf('VirtualDisk', namespace, name))
      .map((vm) => toKey(nameOf(vm)))
    const size = disk.spec.persistentVolumeClaim?.size
    const aim = aimDisk(
      {
        placement,
        storageClass:
          storageClass === null ? null : { waits: waitsForConsumer(storageClass), shared: isShared(storageClass) },
        machines,
        ageMs: clock.now() - Date.parse(creationTimestamp),
        bytes: bytesOf(size),
        silence: placement === undefined ? null : silence(placement.node),
        newer: newer?.message ?? null,
      },
      // One that has its place looks for none.
      placement === undefined ? this.#hosts(disk) : [],
    )
    if (aim.do === 'place') await this.#place(disk, aim.node)
    if (aim.do === 'say') await this.#say(disk, aim.condition, storageClass !== null && waitsForConsumer(storageClass))
    return aim.do === 'say' && aim.againMs !== undefined ? again(aim.againMs, 'a disk waits for a host') : DONE
  }

  #hosts(disk: VirtualDisk): readonly DiskHost[] {
    const { reader, nodes, notReady } = this.#deps
    const having = imageNodes(disk, reader)
    const className = storageClassOf(disk, reader)?.metadata.name ?? null
    return nodes().map((name) => {
      const node = reader.get<Node>(NODES, { namespace: '', name })
      const cordoned = node?.spec?.unschedulable === true ? 'it is cordoned' : null
      return {
        name,
        notReady: notReady(name) ?? cordoned ?? this.#classProblem(node, className),
        freeBytes: this.#freeBytes(node, className),
        hasImage: having.includes(name),
      }
    })
  }

  /** Null as well for a host that does not tell of its classes. */
  #classProblem(node: Node | null, className: string | null): string | null {
    const classes = nodeClassesOf(node)
    if (node === null || classes === null || className === null) return null
    const found = classes.find(({ name }) => name === className)
    if (found === undefined) return `it has no storage class ${className}`
    const problem = found.problem ?? this.#deps.folderProblem(node.metadata.name, className)
    return problem === null ? null : `the storage class ${className}: ${problem}`
  }

  /** Beside what is promised to disks that are not made there yet. */
  #freeBytes(node: Node | null, className: string | null): bigint | null {
    const { reader } = this.#deps
    const found = nodeClassesOf(node)?.find(({ name }) => name === className)
    if (node === null || found === undefined) return nodeStorageOf(node)?.freeBytes ?? null
    const promised = reader
      .byIndex<VirtualDisk>(byPlace(DISKS), node.metadata.name)
      .filter((disk) => disk.status?.target?.persistentVolumeClaimName === undefined)
      .filter((disk) => storageClassOf(disk, reader)?.metadata.name === className)
      .reduce((sum, { spec }) => sum + bytesOf(spec.persistentVolumeClaim?.size), 0n)
    return found.freeBytes > promised ? found.freeBytes - promised : 0n
  }

  async #place(disk: VirtualDisk, node: string): Promise<void> {
    const { resources, clock, log } = this.#deps
    const target = { ...nameOf(disk), uid: disk.metadata.uid }
    log.info({ disk: toKey(nameOf(disk)), node }, 'a disk that no machine names is given to a host')
    const change = (status: VirtualDisk['status'], current: VirtualDisk): VirtualDisk['status'] => {
      const before = clusterStatusOf<ClusterDiskStatus>(current)
      // A machine was faster.
      if (before.placement !== undefined) return status
      const { epoch: _, ...kept } = before
      const placement = { node, epoch: nextEpoch(before), since: timestamp(clock.now()) }
      return { ...status, berth: { ...kept, placement } } as VirtualDisk['status']
    }
    await resources.modifyStatus<VirtualDisk>(DISKS, target, change, { finalizer: HOSTS_FINALIZER })
  }

  async #say(disk: VirtualDisk, condition: ClusterDiskCondition, waits: boolean): Promise<void> {
    const { resources, clock } = this.#deps
    const target = { ...nameOf(disk), uid: disk.metadata.uid }
    await resources.modifyStatus<VirtualDisk>(DISKS, target, (status, current) => {
      const { placement } = clusterStatusOf<ClusterDiskStatus>(current)
      // Its host has begun to speak of it.
      const isOfPlaced = condition.reason === 'NodeStatusUnknown'
      if (condition.reason !== 'StaleEpoch' && (placement !== undefined) !== isOfPlaced) return status
      const { generation } = current.metadata
      const conditions = [...CLUSTER_DISK_CONDITIONS.set(status?.conditions, condition, generation, clock.now())]
      if (placement !== undefined) return { ...status, conditions }
      return { ...status, phase: waits ? 'WaitForFirstConsumer' : 'Pending', progress: '0%', conditions }
    })
  }
}

const bytesOf = (size: string | number | undefined): bigint => (size === undefined ? 0n : toBytes(size))

/** Hosts that have, or shall have, the image that the disk is made from. */
function imageNodes(disk: VirtualDisk, reader: Pick<Reader, 'get'>): readonly string[] {
  const { objectRef } = disk.spec.dataSource ?? {}
  if (objectRef === undefined) return []
  const isCluster = objectRef.kind === 'ClusterVirtualImage'
  const name = { namespace: isCluster ? '' : (disk.metadata.namespace ?? ''), name: objectRef.name }
  return clusterStatusOf<ClusterImageStatus>(reader.get(isCluster ? CLUSTER_IMAGES : IMAGES, name)).nodes ?? []
}
