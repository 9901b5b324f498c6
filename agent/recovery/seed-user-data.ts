// The user data that a machine was given, read back from its own seed disk. A domain carries only its digest; the disk is an ISO 9660
// image (ECMA-119) whose root folder holds the files one after another, so names need not be understood: the digest finds the right one.
import { createHash } from 'node:crypto'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const SECTOR = 2_048
/** The primary volume descriptor is the first one, in sector 16; the record of the root folder is within it. */
const DESCRIPTOR = { sector: 16, magic: '\x01CD001', root: 156 } as const
/** Of a record of a folder: its own length, where the file begins, how long it is. Little-endian copies. */
const RECORD = { extent: 2, bytes: 10, shortest: 34 } as const
/** A root folder and a file of user data are far smaller. */
const MAX_BYTES = 1_048_576

interface Extent {
  readonly sector: number
  readonly bytes: number
}

/**
 * The text whose SHA-256 is `digest`, from one of the seeds of the machine `uid` in `folder`; null when none has it.
 * What is no such image is passed over.
 */
export async function seedUserData(folder: string, uid: string, digest: string): Promise<string | null> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    if (!name.startsWith(`${uid}.`) || !name.endsWith('.iso')) continue
    const text = await find(join(folder, name), digest).catch(() => null)
    if (text !== null) return text
  }
  return null
}

async function find(path: string, digest: string): Promise<string | null> {
  const file = await open(path, 'r')
  try {
    const read = async ({ sector, bytes }: Extent): Promise<Buffer> => {
      if (bytes > MAX_BYTES) return Buffer.alloc(0)
      const buffer = Buffer.alloc(bytes)
      const { bytesRead } = await file.read(buffer, 0, bytes, sector * SECTOR)
      return buffer.subarray(0, bytesRead)
    }
    const descriptor = await read({ sector: DESCRIPTOR.sector, bytes: SECTOR })
    if (descriptor.toString('latin1', 0, DESCRIPTOR.magic.length) !== DESCRIPTOR.magic) return null
    for (const extent of extentsIn(await read(extentAt(descriptor, DESCRIPTOR.root)))) {
      const content = await read(extent)
      if (createHash('sha256').update(content).digest('hex') === digest) return content.toString('utf8')
    }
    return null
  } finally {
    await file.close()
  }
}

/** The files of a folder. A record never crosses a sector's end: zeros fill up to it. */
export function extentsIn(folder: Buffer): readonly Extent[] {
  const extents: Extent[] = []
  for (let at = 0; at + RECORD.shortest <= folder.length; ) {
    const length = folder[at] ?? 0
    if (length >= RECORD.shortest) extents.push(extentAt(folder, at))
    at = length >= RECORD.shortest ? at + length : (Math.floor(at / SECTOR) + 1) * SECTOR
  }
  return extents
}

const extentAt = (buffer: Buffer, at: number): Extent => ({
  sector: buffer.readUInt32LE(at + RECORD.extent),
  bytes: buffer.readUInt32LE(at + RECORD.bytes),
})
