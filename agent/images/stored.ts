// The facts about a stored image and their form on disk.
import type { VolumeFormat } from '../storage/volumes.ts'
import type { SourceFormat } from './format.ts'

/** An image in the content store. The digest is of the stored file; two imports of the same content are one image. */
export interface StoredImage {
  /** SHA-256 of the file, 64 hex digits. */
  readonly digest: string
  readonly format: VolumeFormat
  /** What it was when it came. */
  readonly sourceFormat: SourceFormat
  /** Bytes that a guest sees. */
  readonly virtualSize: bigint
  /** Bytes of the file. */
  readonly storedSize: bigint
  /** An ISO: a CD-ROM for the guest, and no base for a disk. */
  readonly cdrom: boolean
}

/** An object's hold on a digest, with the object itself, so that a lost database can be rebuilt. */
export interface Claim {
  readonly uid: string
  readonly digest: string
  /** The object without status. */
  readonly object: unknown
}

export const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)
export const isUid = (text: string): boolean => /^[0-9a-zA-Z-]{1,64}$/.test(text)

export const encodeImage = (image: StoredImage): unknown => ({
  ...image,
  virtualSize: String(image.virtualSize),
  storedSize: String(image.storedSize),
})

const SOURCE_FORMATS: readonly SourceFormat[] = ['qcow2', 'vmdk', 'vdi', 'iso', 'raw']

/** @throws when the sidecar is damaged */
export function decodeImage(value: unknown): StoredImage {
  const { digest, format, sourceFormat, virtualSize, storedSize, cdrom } = record(value)
  const source = SOURCE_FORMATS.find((known) => known === sourceFormat)
  if (typeof digest !== 'string' || !isDigest(digest) || source === undefined || typeof cdrom !== 'boolean') {
    throw new Error('the sidecar of an image is damaged')
  }
  return {
    digest,
    format: format === 'raw' ? 'raw' : 'qcow2',
    sourceFormat: source,
    virtualSize: size(virtualSize),
    storedSize: size(storedSize),
    cdrom,
  }
}

/** @throws when the sidecar is damaged */
export function decodeClaim(value: unknown): Claim {
  const { uid, digest, object } = record(value)
  if (typeof uid !== 'string' || typeof digest !== 'string' || !isDigest(digest)) {
    throw new Error('the sidecar of an object is damaged')
  }
  return { uid, digest, object }
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

function size(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,19}$/.test(value)) throw new Error('the sidecar of an image is damaged')
  return BigInt(value)
}
