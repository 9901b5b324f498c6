// Between the version that is stored and the versions that are served.
import type { KindDef } from '../../../schemas/kind.ts'
import type { KubeObject } from '../../object.ts'
import type { Entry, StoreKey } from '../../store/store.ts'
import type { ServedKind } from '../registry.ts'
import type { Core } from './core.ts'
import { fromStore } from './refusals.ts'

export const keyOf = (kind: KindDef, namespace: string, name: string): StoreKey => ({
  resource: kind.resource,
  namespace: kind.namespaced ? namespace : '',
  name,
})

/** The version part of `group/version`. */
const versionOf = (apiVersion: string): string => apiVersion.slice(apiVersion.lastIndexOf('/') + 1)

/** `value` in the storage version, also when an older release stored it in another one. */
export function inStorageVersion(kind: KindDef, value: KubeObject): KubeObject {
  const stored = versionOf(value.apiVersion)
  return stored === kind.storageVersion || kind.convert === undefined ? value : kind.convert.toStorage(value, stored)
}

const converted = new WeakMap<KubeObject, Map<string, KubeObject>>()

/** A stored value as `version` shows it. Equal answers for equal values, so that encodings can be shared. */
export function inVersion(kind: KindDef, value: KubeObject, version: string): KubeObject {
  if (versionOf(value.apiVersion) === version || kind.convert === undefined) return value
  const known = converted.get(value)?.get(version)
  if (known !== undefined) return known
  const storage = inStorageVersion(kind, value)
  const made = version === kind.storageVersion ? storage : kind.convert.fromStorage(storage, version)
  const ofValue = converted.get(value) ?? new Map<string, KubeObject>()
  ofValue.set(version, made)
  converted.set(value, ofValue)
  return made
}

/** The kind in its storage version. */
export function storageKind(core: Core, kind: KindDef): ServedKind {
  const served = core.registry.lookup(kind.group, kind.storageVersion, kind.plural)
  if (served === undefined) throw new Error(`${kind.resource} is not registered`)
  return served
}

export function servedKind(core: Core, kind: KindDef, version: string): ServedKind {
  const served = core.registry.lookup(kind.group, version, kind.plural)
  if (served === undefined) throw new Error(`${kind.resource} is not served as ${version}`)
  return served
}

/** An entry with its value in the storage version. */
export async function read(core: Core, kind: KindDef, namespace: string, name: string): Promise<Entry | null> {
  const entry = await fromStore(kind, { name }, () => core.store.get(keyOf(kind, namespace, name)))
  if (entry === null) return null
  const value = inStorageVersion(kind, entry.value)
  return value === entry.value ? entry : { ...entry, value }
}
