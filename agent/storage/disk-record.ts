// What is known of a disk on this host: its sidecar file. The disk's own header is never read for facts.
import { isAbsolute, normalize } from 'node:path'
import { isDigest, isUid } from '../images/stored.ts'

/**
 * `making`: the file may be missing or empty, no guest has seen it.
 * `ready`: the file is there and may hold a guest's data.
 * `deleting`: its deletion was decided; what is left goes.
 */
export type DiskState = 'making' | 'ready' | 'deleting'

export interface DiskRecord {
  readonly uid: string
  readonly state: DiskState
  /** Absolute path of the qcow2 file. */
  readonly path: string
  /** Size that the guest sees; grows only. */
  readonly sizeBytes: bigint
  /** Digest of the image below it; null for a blank disk. */
  readonly base: string | null
  /** In a folder that other hosts have too: it may be another host's tomorrow. */
  readonly shared: boolean
  /** The VirtualDisk without status. */
  readonly object: unknown
}

export const encodeRecord = (record: DiskRecord): unknown => ({
  ...record,
  format: 'qcow2',
  sizeBytes: String(record.sizeBytes),
})

/** A disk's file is `FOLDER/disks/<uid>.qcow2`. A record that names another file could have that one opened, or removed. */
const isDiskPath = (path: string, uid: string): boolean =>
  isAbsolute(path) && normalize(path) === path && path.endsWith(`/disks/${uid}.qcow2`)

/** @throws when the sidecar is damaged */
export function decodeRecord(value: unknown): DiskRecord {
  const { uid, state, path, sizeBytes, base, shared = false, object } = value as Readonly<Record<string, unknown>>
  const known = (['making', 'ready', 'deleting'] as const).find((one) => one === state)
  const sound =
    typeof uid === 'string' &&
    isUid(uid) &&
    typeof path === 'string' &&
    isDiskPath(path, uid) &&
    typeof sizeBytes === 'string' &&
    /^\d{1,19}$/.test(sizeBytes) &&
    (base === null || (typeof base === 'string' && isDigest(base)))
  if (!sound || known === undefined || typeof shared !== 'boolean') throw new Error('the sidecar of a disk is damaged')
  return { uid, state: known, path, sizeBytes: BigInt(sizeBytes), base, shared, object }
}
