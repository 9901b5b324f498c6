// Deletes what its owners left behind (Kubernetes' garbage collection): background, foreground and orphan. All that it needs to know
// is in the objects, so a restart goes on where the last run ended.
import type { Resources } from '../apiserver/resources.ts'
import type { Clock } from '../clock.ts'
import { fromKey, type KubeObject, type NamespacedName, nameOf, toKey } from '../object.ts'
import { Controller, type ControllerObserver } from '../reconcile/controller.ts'
import type { ReconcileLog } from '../reconcile/log.ts'
import type { Reader } from '../reconcile/reader.ts'
import { objectsOf } from '../reconcile/sources.ts'
import { DONE, type Outcome, type Pass, type Reconciler } from '../reconcile/types.ts'
import { keyOf } from '../store/change.ts'
import type { Change } from '../store/store.ts'
import { FOREGROUND_FINALIZER, ORPHAN_FINALIZER, type OwnedKind, Owners, refsOf, waitsFor } from './owners.ts'

export interface GarbageCollectorOptions {
  /** Holds every resource of `kinds`, with the indexes of `ownerIndexes(kinds)`. */
  readonly reader: Reader
  readonly resources: Resources
  /** All kinds of the server. An object that has an owner of any other kind is never deleted here. */
  readonly kinds: readonly OwnedKind[]
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

/** Objects in work at the same time; their writes share commits. */
const CONCURRENCY = 16

const SPACE = ' '
/** A name of any resource as one key. */
const anyKey = (resource: string, name: NamespacedName): string => resource + SPACE + toKey(name)

function fromAnyKey(key: string): { readonly resource: string; readonly name: NamespacedName } {
  const space = key.indexOf(SPACE)
  return { resource: key.slice(0, space), name: fromKey(key.slice(space + 1)) }
}

const concerns = (object: KubeObject): boolean =>
  refsOf(object).length > 0 || waitsFor(object, FOREGROUND_FINALIZER) || waitsFor(object, ORPHAN_FINALIZER)

/** The collector as a controller; starts when told. */
export function createGarbageCollector(options: GarbageCollectorOptions): Controller {
  const { reader, kinds, clock, log } = options
  const owners = new Owners(reader, kinds)
  const enqueue = (key: string) => controller.enqueue(key)
  const controller = new Controller({
    name: 'garbage-collector',
    reconciler: new Collector(options, owners, enqueue),
    concurrency: CONCURRENCY,
    clock,
    log,
    ...(options.observer === undefined ? {} : { observer: options.observer }),
    *keys() {
      for (const { resource } of kinds) {
        for (const object of reader.list(resource)) if (concerns(object)) yield anyKey(resource, nameOf(object))
      }
    },
  })
  const known = new Set(kinds.map(({ resource }) => resource))
  reader.onChange((change) => {
    if (known.has(keyOf(change).resource)) for (const key of keysOf(change, owners)) enqueue(key)
  })
  return controller
}

/** The object itself, the owners that may wait for it, and, when it is gone, what it owned. */
function* keysOf(change: Change, owners: Owners): Iterable<string> {
  const { resource, namespace, name } = keyOf(change)
  if (change.type === 'put' && concerns(change.entry.value)) yield anyKey(resource, { namespace, name })
  for (const object of objectsOf(change)) {
    for (const ref of refsOf(object)) {
      const place = owners.locate(object, ref)
      if (place !== null && owners.stateOf(object, ref) === 'foreground') yield anyKey(place.resource, place.name)
    }
  }
  if (change.type === 'put') return
  for (const { resource: of, object } of owners.dependentsOf(change.previous)) yield anyKey(of, nameOf(object))
}

class Collector implements Reconciler {
  readonly #options: GarbageCollectorOptions
  readonly #owners: Owners
  readonly #enqueue: (key: string) => void

  constructor(options: GarbageCollectorOptions, owners: Owners, enqueue: (key: string) => void) {
    this.#options = options
    this.#owners = owners
    this.#enqueue = enqueue
  }

  async reconcile(key: string, _signal: AbortSignal, { log }: Pass): Promise<Outcome> {
    const { resource, name } = fromAnyKey(key)
    const object = this.#options.reader.get(resource, name)
    if (object === null) return DONE
    if (waitsFor(object, ORPHAN_FINALIZER)) await this.#orphan(resource, object)
    else if (waitsFor(object, FOREGROUND_FINALIZER)) await this.#awaitDependents(resource, object)
    else if (object.metadata.deletionTimestamp === undefined) await this.#judge(resource, object, log)
    return DONE
  }

  /** Takes the owner out of its dependents, then lets it go. */
  async #orphan(resource: string, owner: KubeObject): Promise<void> {
    const { uid } = owner.metadata
    for (const dependent of this.#owners.dependentsOf(owner)) {
      await this.#dropRefs(dependent.resource, dependent.object, new Set([uid]))
    }
    await this.#options.resources.removeFinalizer(resource, { ...nameOf(owner), uid }, ORPHAN_FINALIZER)
  }

  /** Lets an owner go when none of its dependents blocks it; until then each of them is looked at, and its end brings the owner back here. */
  async #awaitDependents(resource: string, owner: KubeObject): Promise<void> {
    const { uid } = owner.metadata
    const dependents = this.#owners.dependentsOf(owner)
    const blocking = dependents.some(({ object }) =>
      refsOf(object).some((ref) => ref.uid === uid && ref.blockOwnerDeletion === true),
    )
    if (!blocking)
      return this.#options.resources.removeFinalizer(resource, { ...nameOf(owner), uid }, FOREGROUND_FINALIZER)
    for (const { resource: of, object } of dependents) this.#enqueue(anyKey(of, nameOf(object)))
  }

  /** An object goes when all of its owners are gone or going in the foreground. */
  async #judge(resource: string, object: KubeObject, log: ReconcileLog): Promise<void> {
    const refs = refsOf(object).map((ref) => ({ ref, state: this.#owners.stateOf(object, ref) }))
    const leaving = refs.filter(({ state }) => state === 'gone' || state === 'foreground')
    if (leaving.length === 0) return
    if (leaving.length < refs.length) {
      return this.#dropRefs(resource, object, new Set(leaving.map(({ ref }) => ref.uid)))
    }
    const { uid, resourceVersion } = object.metadata
    const inForeground = leaving.some(({ state }) => state === 'foreground') && this.#ownsTheLiving(object)
    log.info(
      { resource, ...nameOf(object), owners: leaving.map(({ ref }) => `${ref.kind}/${ref.name}`) },
      'deleting an object whose owners are gone',
    )
    await this.#options.resources.delete(resource, nameOf(object), {
      uid,
      resourceVersion,
      ...(inForeground ? { propagation: 'Foreground' as const } : {}),
    })
  }

  /** Dependents that go already need no waiting for: in a circle of owners everyone would wait for ever. */
  #ownsTheLiving(object: KubeObject): boolean {
    return this.#owners
      .dependentsOf(object)
      .some(({ object: { metadata } }) => metadata.deletionTimestamp === undefined)
  }

  async #dropRefs(resource: string, object: KubeObject, ownerUids: ReadonlySet<string>): Promise<void> {
    await this.#options.resources.modify(resource, nameOf(object), (current) => {
      if (current.metadata.uid !== object.metadata.uid) return current
      const kept = refsOf(current).filter(({ uid }) => !ownerUids.has(uid))
      return { ...current, metadata: { ...current.metadata, ownerReferences: kept } }
    })
  }
}
