// POST: a new object, complete and valid, in one transaction with the check that its namespace lives.
import { randomUUID } from 'node:crypto'
import type { KindDef } from '../../../schemas/kind.ts'
import { timestamp } from '../../clock.ts'
import { ApiError, isApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { type Op, StoreError } from '../../store/store.ts'
import type { Managers } from '../fields/managers.ts'
import { admit, type Core, guard, MAX_ATTEMPTS, type WriteOptions } from './core.ts'
import type { JsonObject } from './json.ts'
import { canonicalMeta, type DraftMeta, generatedName, metadataErrors, namespaceProblem } from './metadata.ts'
import { createdBy } from './record.ts'
import { invalid, storeRefusal } from './refusals.ts'
import { refuse, shape } from './shape.ts'
import { keyOf } from './versions.ts'

/** Names tried for one generateName (as Kubernetes 1.30 and later). */
const NAME_ATTEMPTS = 8

export interface CreateOptions extends WriteOptions {
  /** The record of field owners; that of a plain write when absent. */
  readonly managers?: Managers
  /** The object is made again, and is the one that it was. */
  readonly identity?: Identity
}

/** What tells an object from any other of its name. */
export interface Identity {
  readonly uid: string
  /** RFC 3339. */
  readonly creationTimestamp: string
  readonly generation?: number
}

/** Creates `input` (which is consumed) in `namespace` (empty for cluster-scoped kinds). Returns the stored object. @throws ApiError */
export async function createObject(
  core: Core,
  kind: KindDef,
  namespace: string,
  input: JsonObject,
  options: CreateOptions,
): Promise<KubeObject> {
  const shaped = shape(core, kind, input, options)
  checkNamespace(kind, namespace, shaped.metadata)
  const generated = !shaped.metadata.name && Boolean(shaped.metadata.generateName)
  for (let attempt = 1; ; attempt++) {
    const object = filled(core, kind, namespace, shaped, options)
    try {
      return await insert(core, kind, object, options)
    } catch (error) {
      if (!generated || attempt >= NAME_ATTEMPTS || !isApiError(error, 'AlreadyExists')) throw error
    }
  }
}

function checkNamespace(kind: KindDef, namespace: string, meta: DraftMeta): void {
  const problem = kind.namespaced ? namespaceProblem(namespace) : null
  if (problem !== null) throw new ApiError('BadRequest', `metadata.namespace: ${problem}`)
  const given = meta.namespace ?? ''
  if (given === '' || given === namespace) return
  throw new ApiError(
    'BadRequest',
    kind.namespaced
      ? `the namespace of the object (${given}) does not match the namespace of the request (${namespace})`
      : `${kind.kind} is cluster-scoped: metadata.namespace must be empty`,
  )
}

function filled(core: Core, kind: KindDef, namespace: string, shaped: KubeObject, options: CreateOptions): KubeObject {
  const given: DraftMeta = shaped.metadata
  const { uid = randomUUID(), creationTimestamp = timestamp(core.clock.now()), generation = 1 } = options.identity ?? {}
  const object: KubeObject = {
    ...shaped,
    metadata: canonicalMeta({
      name: given.name || (given.generateName ? generatedName(given.generateName) : ''),
      generateName: given.generateName,
      namespace: kind.namespaced ? namespace : undefined,
      uid,
      generation: kind.hasStatus ? generation : undefined,
      creationTimestamp,
      labels: given.labels,
      annotations: given.annotations,
      finalizers: given.finalizers,
      ownerReferences: given.ownerReferences,
    }),
  }
  refuse(kind, object.metadata.name, metadataErrors(kind, object.metadata))
  refuse(
    kind,
    object.metadata.name,
    kind.rules.flatMap((rule) => rule(object, null)),
  )
  const managedFields = options.managers ?? createdBy(core, kind, object, options)
  return { ...object, metadata: canonicalMeta({ ...object.metadata, managedFields }) }
}

async function insert(core: Core, kind: KindDef, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
  const { name, namespace = '' } = object.metadata
  const key = keyOf(kind, namespace, name)
  for (let attempt = 1; ; attempt++) {
    const alive = await namespaceGuard(core, kind, namespace)
    guard(core, { operation: 'create', kind, object, old: null, caller: options.caller })
    await admit(core, { operation: 'create', kind, object, old: null, dryRun: options.dryRun, caller: options.caller })
    try {
      if (options.dryRun) {
        if ((await core.store.get(key)) !== null) throw new StoreError('exists', 'exists', key)
        return object
      }
      const entries = await core.store.transact([...alive, { op: 'create', key, value: object }])
      const entry = entries.at(-1)
      if (!entry) throw new Error('the store returned no entry for a create')
      return entry.value
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      // The namespace changed (its status, a label) between look and write: look again.
      const raced = alive.length > 0 && (error.code === 'conflict' || error.code === 'not-found')
      if (!raced || attempt >= MAX_ATTEMPTS) throw storeRefusal(kind, name, error)
    }
  }
}

/**
 * The namespace must exist and not be going away, at the very revision at which the object is written: nothing appears in a
 * namespace after its deletion began. @throws ApiError NotFound, Forbidden
 */
async function namespaceGuard(core: Core, kind: KindDef, namespace: string): Promise<readonly Op[]> {
  const namespaces = kind.namespaced ? core.registry.byResource('namespaces') : undefined
  if (namespaces === undefined) return []
  const key = keyOf(namespaces, '', namespace)
  const entry = await core.store.get(key)
  if (entry === null)
    throw new ApiError('NotFound', `namespaces "${namespace}" not found`, { kind: 'namespaces', name: namespace })
  if (entry.value.metadata.deletionTimestamp !== undefined) {
    const message = `namespace ${namespace} is being deleted: nothing new can be created in it`
    const { causes } = invalid(kind, '', [
      { path: 'metadata.namespace', reason: 'FieldValueForbidden', message },
    ]).details
    throw new ApiError('Forbidden', message, { group: kind.group, kind: kind.plural, ...(causes ? { causes } : {}) })
  }
  return [{ op: 'check', key, expect: { revision: entry.revision } }]
}
