// Objects as the text that is stored: JSON, with secret parts sealed. Values are shared, frozen.
import type { KubeObject } from '../../object.ts'
import { deepFreeze, frozenPlain } from '../frozen.ts'
import type { Sealer } from '../sealer.ts'
import { MAX_OBJECT_BYTES, type Revision, StoreError, type StoreKey } from '../store.ts'

/** Which top-level fields of which resources are secret, and who seals them. */
export interface Sealing {
  readonly sealer: Sealer
  readonly fields: Readonly<Record<string, readonly string[]>>
}

export interface Encoded {
  readonly value: KubeObject
  readonly text: string
}

/**
 * Of secret kinds these are sealed too: kubectl keeps the last applied object, secrets included, in an annotation, and the record of field
 * owners names each key.
 */
const METADATA = ['annotations', 'managedFields'] as const

type Json = Record<string, unknown>

const sealJson = (sealer: Sealer, key: StoreKey, field: string, value: unknown): unknown =>
  value === undefined ? undefined : sealer.seal(key, field, JSON.stringify(value))

const openJson = (sealer: Sealer, key: StoreKey, field: string, value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(sealer.open(key, field, value))

/** Applies `change` to each secret part that is there. */
function mapSecrets(
  object: KubeObject,
  fields: readonly string[],
  change: (field: string, value: unknown) => unknown,
): Json {
  const metadata: Json = { ...object.metadata }
  for (const field of METADATA)
    if (metadata[field] !== undefined) metadata[field] = change(`metadata.${field}`, metadata[field])
  const result: Json = { ...object, metadata }
  for (const field of fields) if (field in result) result[field] = change(field, result[field])
  return result
}

export class Codec {
  readonly #sealing: Sealing | undefined

  constructor(sealing: Sealing | undefined) {
    this.#sealing = sealing
  }

  /** The object as of `revision`: as shared value and as text. @throws StoreError `too-large` */
  encode(key: StoreKey, object: KubeObject, revision: Revision): Encoded {
    const stamped = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
    const text = JSON.stringify(stamped)
    const bytes = Buffer.byteLength(text)
    if (bytes > MAX_OBJECT_BYTES) {
      throw new StoreError('too-large', `the object has ${bytes} bytes; at most ${MAX_OBJECT_BYTES} are stored`, key)
    }
    const value = frozenPlain(stamped)
    const fields = this.#sealing?.fields[key.resource]
    if (this.#sealing === undefined || fields === undefined) return { value, text }
    const { sealer } = this.#sealing
    return {
      value,
      text: JSON.stringify(mapSecrets(value, fields, (field, part) => sealJson(sealer, key, field, part))),
    }
  }

  /** The reverse, for a text that {@link encode} made. @throws StoreError when it is damaged */
  decode(key: StoreKey, text: string): KubeObject {
    const object = this.#parse(key, text)
    const fields = this.#sealing?.fields[key.resource]
    if (this.#sealing === undefined || fields === undefined) return deepFreeze(object)
    const { sealer } = this.#sealing
    return deepFreeze(
      mapSecrets(object, fields, (field, part) => openJson(sealer, key, field, part)) as unknown as KubeObject,
    )
  }

  #parse(key: StoreKey, text: string): KubeObject {
    try {
      return JSON.parse(text) as KubeObject
    } catch (cause) {
      const name = `${key.resource} ${key.namespace}/${key.name}`
      const words = `${name} is damaged in the database; restore a backup`
      throw new StoreError('unavailable', words, key, { trouble: 'damaged', cause })
    }
  }
}
