// Which change in the store wakes whom.
import { type KubeObject, nameOf, toKey } from '../lib/object.ts'
import type { Controller } from '../lib/reconcile/controller.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import { objectsOf } from '../lib/reconcile/sources.ts'
import { keyOf } from '../lib/store/change.ts'
import type { Change } from '../lib/store/store.ts'
import type { ClusterImageStatus, ClusterVmStatus, VirtualMachineOperation } from '../schemas/index.ts'
import { DISKS, SECRETS, STORAGE_CLASSES, VM_CLASSES, VM_OPERATIONS, VMS } from '../schemas/resources.ts'
import type { Binder } from './binder/binder.ts'
import {
  BOUND_RESOURCES,
  KIND_OF,
  OPERATIONS_BY_VM,
  operationVmKey,
  placesOf,
  referenceOf,
  sourceReferences,
  VMS_BY_REFERENCE,
  vmReferences,
} from './indexes.ts'
import type { Links } from './links/links.ts'
import { type Mirror, placeOf } from './mirror/mirror.ts'

export interface Sleepers {
  readonly reader: Reader
  readonly binder: Pick<Binder, 'enqueue' | 'wanting'>
  readonly agents: Pick<Links, 'holders' | 'view'>
  readonly machines: Pick<Controller, 'enqueue'>
  readonly mirror: Pick<Mirror, 'enqueue'>
  /** Of operations. */
  readonly power: Pick<Controller, 'enqueue'>
  /** By resource. */
  readonly releases: ReadonlyMap<string, Pick<Controller, 'enqueue'>>
}

const BOUND: readonly string[] = BOUND_RESOURCES

/** Returns the unsubscribe function. */
export function wake(sleepers: Sleepers): () => void {
  return sleepers.reader.onChange((change) => hear(change, sleepers))
}

function hear(change: Change, sleepers: Sleepers): void {
  const { reader, machines, mirror, power, releases } = sleepers
  const { resource, namespace, name } = keyOf(change)
  const key = toKey({ namespace, name })
  const isNews = isNewShape(change)
  if (BOUND.includes(resource)) {
    // A change of status alone, as the mirror writes it, changes no binding.
    if (isNews) enqueueEverywhere(resource, uidOf(change), sleepers)
    if (resource === VMS) {
      machines.enqueue(key)
      // What was told of it by its host, or that nothing is heard of that one, is another thing now.
      const node = newPlace(change)
      if (node !== null) mirror.enqueue(node, VMS, uidOf(change))
      for (const operation of reader.byIndex(OPERATIONS_BY_VM, key)) power.enqueue(toKey(nameOf(operation)))
    } else releases.get(resource)?.enqueue(key)
    if (isNews && goesElsewhere(change)) reachReferred(change, sleepers)
  }
  if (resource === VM_OPERATIONS) {
    power.enqueue(key)
    for (const operation of objectsOf(change)) wakeVm(operationVmKey(operation as VirtualMachineOperation), sleepers)
  }
  // Who refers to what has changed: copies on hosts follow, and what waited for it goes on.
  const kind = KIND_OF[resource]
  const isDependency = resource === VM_CLASSES || resource === SECRETS || (BOUND.includes(resource) && resource !== VMS)
  if (kind !== undefined && isDependency && isNews)
    for (const vm of reader.byIndex(VMS_BY_REFERENCE, referenceOf(kind, namespace, name)))
      wakeVm(toKey(nameOf(vm)), sleepers)
  if (resource === STORAGE_CLASSES)
    for (const of of [VMS, DISKS])
      for (const { metadata } of reader.list(of)) enqueueEverywhere(of, metadata.uid, sleepers)
}

function wakeVm(key: string, sleepers: Sleepers): void {
  const slash = key.indexOf('/')
  const vm = sleepers.reader.get(VMS, { namespace: key.slice(0, slash), name: key.slice(slash + 1) })
  sleepers.machines.enqueue(key)
  if (vm !== null) enqueueEverywhere(VMS, vm.metadata.uid, sleepers)
}

/** The hosts that have it, and those that shall. */
function enqueueEverywhere(resource: string, uid: string, { reader, binder, agents }: Sleepers): void {
  const [object] = reader.byIndex(`${resource}/uid`, uid)
  const wanted = object === undefined ? [] : [...binder.wanting(resource, object)]
  for (const node of new Set([...agents.holders(uid), ...wanted])) binder.enqueue(node, resource, uid)
}

const uidOf = (change: Change): string => (change.type === 'put' ? change.entry.value : change.previous).metadata.uid

/** The host that it was given to by this change; null: by none. */
function newPlace(change: Change): string | null {
  if (change.type === 'delete') return null
  const node = placeOf(change.entry.value)
  return change.previous !== null && placeOf(change.previous) === node ? null : node
}

/** What was asked for, or what the scheduler remembers of it, differs. */
function isNewShape(change: Change): boolean {
  return (
    change.type === 'delete' || change.previous === null || shapeOf(change.previous) !== shapeOf(change.entry.value)
  )
}

function shapeOf({ kind, metadata, status }: KubeObject): string {
  const { generation, labels, annotations, deletionTimestamp, resourceVersion } = metadata
  const { phase, berth = {} } = (status ?? {}) as { readonly phase?: string; readonly berth?: ClusterVmStatus }
  const asked = [generation ?? resourceVersion, labels, annotations, deletionTimestamp]
  switch (kind) {
    case 'VirtualImage':
    case 'ClusterVirtualImage': {
      // Of an image each host that gets it would be news to all others; who lacks it is its own controller's affair.
      const { nodes: _, host: __, ...remembered } = berth as ClusterVmStatus & ClusterImageStatus
      return JSON.stringify([asked, remembered])
    }
    case 'VirtualMachine': {
      // What its host says of it counts where it has stopped: whether it is to run again.
      const { host, ...remembered } = berth
      return JSON.stringify([asked, remembered, ...(berth.placement?.idle === true ? [phase, host] : [])])
    }
    default: {
      const { host: _, ...remembered } = berth
      return JSON.stringify([asked, remembered, phase])
    }
  }
}

/** Where it is, or what it refers to, differs: only then may a host lack what it needs there. */
function goesElsewhere(change: Change): boolean {
  if (change.type === 'delete' || change.previous === null) return true
  const [before, after] = [change.previous, change.entry.value]
  return before.metadata.generation !== after.metadata.generation || placesOf(before).join() !== placesOf(after).join()
}

/** The images of a disk or a machine go where it goes. */
function reachReferred(change: Change, sleepers: Sleepers): void {
  const { reader, agents, binder } = sleepers
  // A host that has an image is asked nothing anew for one more machine that is made of it.
  const hasImage = (node: string, uid: string) => agents.view(node)?.binding(uid)?.spec.role === 'Owner'
  for (const object of objectsOf(change)) {
    const references = object.kind === 'VirtualMachine' ? vmReferences(object) : sourceReferences(object)
    for (const reference of references) {
      const [kind = '', namespace = '', name = ''] = reference.split('/')
      const resource = BOUND.find((each) => KIND_OF[each] === kind)
      const found = resource === undefined ? null : reader.get(resource, { namespace, name })
      if (resource === undefined || found === null) continue
      const { uid } = found.metadata
      for (const node of placesOf(object))
        if (resource === DISKS || !hasImage(node, uid)) binder.enqueue(node, resource, uid)
    }
  }
}
