// The controllers that obey a scheduler. They need no libvirt: what libvirt is to do follows from the objects that they make.
import { type KubeObject, nameOf, toKey } from '../lib/object.ts'
import { Controller } from '../lib/reconcile/controller.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import { itself, type KeySink, on } from '../lib/reconcile/sources.ts'
import type { Change } from '../lib/store/store.ts'
import { type HostBinding, ORPHANED } from '../schemas/index.ts'
import { HostBindingReconciler } from './controllers/hostbinding/controller.ts'
import { ALL, UnneededReconciler } from './controllers/hostbinding/unneeded.ts'
import type { AgentCore } from './core.ts'
import {
  CLUSTER_IMAGES,
  CONFIG_MAPS,
  DISKS,
  HOST_BINDINGS,
  IMAGES,
  PRIORITY_CLASSES,
  SECRETS,
  STORAGE_CLASSES,
  VM_CLASSES,
  VMS,
} from './names.ts'

const CONCURRENCY = 8
const SUBJECTS = [VMS, DISKS, IMAGES, CLUSTER_IMAGES]
/** What may be in the way of an object that comes along. */
const ALONG = [SECRETS, CONFIG_MAPS, VM_CLASSES, PRIORITY_CLASSES, STORAGE_CLASSES]

export function createBindingControllers({
  reader,
  resources,
  events,
  clock,
  log,
  observer,
}: AgentCore): readonly Controller[] {
  const shared = { clock, log, observer }
  const bindings = new Controller({
    ...shared,
    name: 'hostbinding',
    concurrency: CONCURRENCY,
    reconciler: new HostBindingReconciler({ reader, resources, clock, events }),
    keys: () => reader.list(HOST_BINDINGS).map((object) => toKey(nameOf(object))),
  })
  const unneeded = new Controller({
    ...shared,
    name: 'bound-objects',
    reconciler: new UnneededReconciler({ reader, resources }),
    keys: () => [ALL],
  })
  wireBindings(reader, bindings)
  on(reader, HOST_BINDINGS, (change) => (asksOtherwise(change) ? [ALL] : []), unneeded)
  return [bindings, unneeded]
}

export function wireBindings(reader: Reader, sink: KeySink): void {
  on(reader, HOST_BINDINGS, (change) => (asksOtherwise(change) ? itself(change) : []), sink)
  for (const resource of SUBJECTS) on(reader, resource, (change) => subjectKeys(reader, change), sink)
  for (const resource of ALONG)
    on(reader, resource, (change) => (change.type === 'delete' ? waiting(reader) : []), sink)
}

/** Not what this host says of it itself. */
const asksOtherwise = (change: Change): boolean =>
  change.type === 'delete' ||
  change.previous === null ||
  change.previous.metadata.generation !== change.entry.value.metadata.generation ||
  orphaned(change.previous) !== orphaned(change.entry.value) ||
  made(change.previous) !== made(change.entry.value)

const orphaned = ({ metadata }: KubeObject): string | undefined => metadata.annotations?.[ORPHANED]

/** How many disks were made for a move; a binding is released when they are gone. */
const made = (object: KubeObject): number => (object as HostBinding).status?.migration?.made?.length ?? 0

/** A copy that is gone or going; with one that is gone, whoever waits for its name. */
function subjectKeys(reader: Reader, change: Change): readonly string[] {
  if (change.type === 'delete') return [bindingKey(change.previous.metadata.uid), ...waiting(reader)]
  const { metadata } = change.entry.value
  return metadata.deletionTimestamp === undefined ? [] : [bindingKey(metadata.uid)]
}

const bindingKey = (uid: string): string => toKey({ namespace: '', name: uid })

const waiting = (reader: Reader): readonly string[] =>
  reader
    .list<HostBinding>(HOST_BINDINGS)
    .flatMap(({ metadata, status }) => (status?.phase === 'Pending' ? [bindingKey(metadata.name)] : []))
