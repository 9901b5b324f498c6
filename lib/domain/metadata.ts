/** Our element in a domain's <metadata>: one text element in our own namespace that holds JSON. */
import { el, printXml, type XmlElement } from '../xml/index.ts'
import type { BerthMetadata } from './plan.ts'

/** Namespace of the element; also the `uri` argument of DomainGetMetadata and DomainSetMetadata. */
export const METADATA_URI = 'https://berth.dev/domain/1'
/** Prefix that libvirt writes it with; the `key` argument of DomainSetMetadata. */
export const METADATA_KEY = 'berth'

/** The element as it stands in the definition of a domain. */
export function metadataElement(metadata: BerthMetadata): XmlElement {
  return el(`${METADATA_KEY}:domain`, { [`xmlns:${METADATA_KEY}`]: METADATA_URI }, metadataJson(metadata))
}

/** The element as DomainSetMetadata takes it: without a prefix, which libvirt adds from key and uri. */
export function metadataXml(metadata: BerthMetadata): string {
  return printXml(el('domain', {}, metadataJson(metadata)))
}

/** Fields in one fixed order, so that equal metadata has equal bytes. U+FFFE and U+FFFF are legal in JSON but not in XML. */
function metadataJson(metadata: BerthMetadata): string {
  const { namespace, name, uid, epoch, generation, specJson, digest, stoppedManually, startedAt } = metadata
  const ordered = { namespace, name, uid, epoch, generation, specJson, digest, stoppedManually, startedAt }
  return JSON.stringify(ordered).replace(/[\uFFFE\uFFFF]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`)
}

/** Reads the JSON text of the element; `undefined` when anything is missing or of another type than we write. */
export function parseMetadata(json: string): BerthMetadata | undefined {
  const value = parseObject(json)
  if (value === undefined) return undefined
  const { namespace, name, uid, epoch, generation, specJson, digest, stoppedManually, startedAt } = value
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string') return undefined
  if (!isCount(epoch) || !isCount(generation)) return undefined
  if (typeof specJson !== 'string' || typeof digest !== 'string' || typeof stoppedManually !== 'boolean')
    return undefined
  if (startedAt !== undefined && typeof startedAt !== 'string') return undefined
  const known = { namespace, name, uid, epoch, generation, specJson, digest, stoppedManually }
  return startedAt === undefined ? known : { ...known, startedAt }
}

function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === 'number' && value >= 0
}
