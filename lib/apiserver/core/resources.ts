// The in-process door to objects: what HTTP clients get, without HTTP.
import type { KindDef } from '../../../schemas/kind.ts'
import { ApiError, isApiError } from '../../errors.ts'
import { type KubeObject, type NamespacedName, nameOf, type ObjectMeta } from '../../object.ts'
import { StoreError, type Telling } from '../../store/store.ts'
import type { DeleteOptions, NewObject, Resources, StatusWrite } from '../resources.ts'
import { type Core, MAX_ATTEMPTS, type WriteOptions } from './core.ts'
import { createObject } from './create.ts'
import { deleteObject } from './delete.ts'
import { clonePlain, deepEqual, type JsonObject } from './json.ts'
import { canonicalMeta } from './metadata.ts'
import { type Part, recordUpdate } from './record.ts'
import { modified, notFound, storeRefusal } from './refusals.ts'
import { shapeStatus } from './shape.ts'
import { updateObject, write } from './update.ts'
import { read } from './versions.ts'

/** The next object, or the same for "nothing to do". */
type Change = (current: KubeObject) => KubeObject
type Target = NamespacedName & { readonly uid: string }

/** Every method throws `ApiError`; a resource that is not registered is a NotFound. */
export class CoreResources implements Resources {
  readonly #core: () => Core

  /** `core` is asked for at each call, as it holds these resources itself. */
  constructor(core: () => Core) {
    this.#core = core
  }

  async get<T extends KubeObject>(resource: string, { namespace, name }: NamespacedName): Promise<T | null> {
    const entry = await read(this.#core(), this.#kind(resource), namespace, name)
    return entry === null ? null : (entry.value as T)
  }

  async create<T extends KubeObject>(resource: string, object: NewObject<T>): Promise<T> {
    const kind = this.#kind(resource)
    const input: JsonObject = clonePlain({ ...object })
    const core = this.#core()
    const made = await createObject(core, kind, object.metadata.namespace ?? '', input, ownWrite(core, kind))
    return made as T
  }

  async recreate<T extends KubeObject>(resource: string, object: T): Promise<T> {
    const kind = this.#kind(resource)
    const core = this.#core()
    const { namespace = '', uid, creationTimestamp, generation } = object.metadata
    const identity = { uid, creationTimestamp, ...(generation === undefined ? {} : { generation }) }
    const input: JsonObject = clonePlain<JsonObject>({ ...(object as KubeObject) })
    return (await createObject(core, kind, namespace, input, { ...ownWrite(core, kind), identity })) as T
  }

  async follow<T extends KubeObject>(resource: string, object: T): Promise<T | null> {
    const { uid, generation } = object.metadata
    const change = (current: KubeObject) =>
      current.metadata.uid === uid
        ? { ...(object as KubeObject), metadata: followed(object.metadata, current.metadata) }
        : null
    return (await this.#modify(resource, nameOf(object), change, generation)) as T | null
  }

  async modify<T extends KubeObject>(
    resource: string,
    name: NamespacedName,
    change: (object: T) => T,
  ): Promise<T | null> {
    return (await this.#modify(resource, name, (current) => change(current as T))) as T | null
  }

  /** Null when there is no such object, or `change` says so. */
  async #modify(
    resource: string,
    { namespace, name }: NamespacedName,
    change: (current: KubeObject) => KubeObject | null,
    generation?: number,
  ): Promise<KubeObject | null> {
    const kind = this.#kind(resource)
    const core = this.#core()
    const make = (current: KubeObject) => {
      const next = change(current)
      if (next === null) throw notFound(kind, name)
      return { input: withoutRecord(next) }
    }
    try {
      const options = {
        ...ownWrite(core, kind),
        part: 'main',
        ...(generation === undefined ? {} : { generation }),
      } as const
      return await updateObject(core, kind, namespace, name, make, options)
    } catch (error) {
      if (isApiError(error, 'NotFound') && error.details.kind === kind.plural && error.details.name === name)
        return null
      throw error
    }
  }

  async modifyStatus<T extends KubeObject>(
    resource: string,
    target: Target,
    change: (status: T['status'], object: T) => T['status'],
    { finalizer, ...telling }: StatusWrite = {},
  ): Promise<T | null> {
    const core = this.#core()
    const kind = this.#kind(resource)
    const status: Change = (current) => {
      const status = clonePlain(change(current.status as T['status'], current as T))
      if (deepEqual(status, current.status)) return current
      const { status: _, ...rest } = current
      const checked = shapeStatus(core, kind, current, status, ownWrite(core, kind))
      return checked === undefined ? rest : { ...rest, status: checked }
    }
    const main: Change = (current) =>
      finalizer === undefined || current.metadata.deletionTimestamp !== undefined
        ? current
        : withFinalizer(current, finalizer)
    return (await this.#rewrite(kind, target, { main, status }, telling)) as T | null
  }

  async addFinalizer(resource: string, target: Target, finalizer: string): Promise<void> {
    const main: Change = (current) => {
      const next = withFinalizer(current, finalizer)
      if (next !== current && current.metadata.deletionTimestamp !== undefined)
        throw new ApiError('Conflict', `${resource} "${target.name}" is being deleted: it takes no new finalizer`)
      return next
    }
    await this.#rewrite(this.#kind(resource), target, { main })
  }

  async removeFinalizer(resource: string, target: Target, finalizer: string): Promise<void> {
    const main: Change = (current) => {
      const held = current.metadata.finalizers ?? []
      if (!held.includes(finalizer)) return current
      const finalizers = held.filter((name) => name !== finalizer)
      return { ...current, metadata: canonicalMeta({ ...current.metadata, finalizers }) }
    }
    await this.#rewrite(this.#kind(resource), target, { main })
  }

  async delete(resource: string, { namespace, name }: NamespacedName, options: DeleteOptions = {}): Promise<void> {
    try {
      await deleteObject(this.#core(), this.#kind(resource), namespace, name, options)
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error
    }
  }

  #kind(resource: string): KindDef {
    const kind = this.#core().registry.byResource(resource)
    if (kind === undefined) throw new ApiError('NotFound', `the server does not have a resource ${resource}`)
    return kind
  }

  /** Rewrites the very object of that uid without the checks of a spec: an object that newer rules refuse must still get its status and go. */
  async #rewrite(
    kind: KindDef,
    target: Target,
    changes: Partial<Record<Part, Change>>,
    telling: Telling = {},
  ): Promise<KubeObject | null> {
    const core = this.#core()
    for (let attempt = 1; ; attempt++) {
      const entry = await read(core, kind, target.namespace, target.name)
      if (entry === null || entry.value.metadata.uid !== target.uid) return null
      const current = entry.value
      let next = current
      for (const part of ['main', 'status'] as const) {
        const changed = changes[part]?.(next) ?? next
        if (changed === next) continue
        next = recordUpdate(core, kind, { current: next, next: changed }, { ...ownWrite(core, kind), part })
      }
      if (next === current) return current
      try {
        return await write(core, kind, entry, next, telling)
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        if (error.code !== 'conflict' && error.code !== 'not-found') throw storeRefusal(kind, target.name, error)
        if (attempt >= MAX_ATTEMPTS) throw modified(kind, target.name)
      }
    }
  }
}

/** Who holds and owns the object is not what it is. */
const followed = (
  given: ObjectMeta,
  { resourceVersion, finalizers = [], ownerReferences = [] }: ObjectMeta,
): ObjectMeta => ({
  ...given,
  resourceVersion,
  finalizers,
  ownerReferences,
})

function withFinalizer(object: KubeObject, finalizer: string): KubeObject {
  const held = object.metadata.finalizers ?? []
  if (held.includes(finalizer)) return object
  return { ...object, metadata: canonicalMeta({ ...object.metadata, finalizers: [...held, finalizer] }) }
}

/** A copy of its own; the record of field owners is kept by the write, not by who writes. */
function withoutRecord({ metadata, ...rest }: KubeObject): JsonObject {
  const { managedFields: _, ...own } = metadata
  return clonePlain<JsonObject>({ ...rest, metadata: own })
}

const ownWrite = (core: Core, kind: KindDef): WriteOptions => ({
  version: kind.storageVersion,
  manager: core.component,
  own: true,
  fieldValidation: 'Strict',
  dryRun: false,
  caller: null,
  warn: () => {},
})
