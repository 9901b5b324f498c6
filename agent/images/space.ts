// Keeps imports from filling the host's disk: running guests and the database need room to write.
import { statfs } from 'node:fs/promises'
import { ImportError } from './errors.ts'

/** Left free by imports, in bytes. */
const RESERVE = 512n * 1024n * 1024n
/** Bytes between two looks. */
const STEP = 64 * 1024 * 1024

/** Bytes that an import may still write below `folder`; never negative. */
export async function spaceFor(folder: string): Promise<bigint> {
  const { bavail, bsize } = await statfs(folder, { bigint: true })
  const free = bavail * bsize - RESERVE
  return free > 0n ? free : 0n
}

/** A function to call with the length written so far. @throws ImportError when the disk gets full */
export function spaceGuard(folder: string, look: (folder: string) => Promise<bigint> = spaceFor) {
  let next = 0
  return async (length: number): Promise<void> => {
    if (length < next) return
    next = length + STEP
    if ((await look(folder)) <= BigInt(STEP)) {
      throw new ImportError('host', 'there is not enough free space for the image')
    }
  }
}
