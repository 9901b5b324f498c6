// Keeps imports from filling the host's disk: running guests and the database need room to write.
import { statfs } from 'node:fs/promises'
import type { Clock } from '../../lib/clock.ts'
import { ImportError } from './errors.ts'

/** Left free by imports, in bytes. */
const RESERVE = 512n * 1024n * 1024n
/** Bytes between two looks. */
const STEP = 64 * 1024 * 1024

/** Bytes that an import may still write below `folder`; never negative. */
export const spaceFor = async (folder: string): Promise<bigint> => (await roomIn(folder)).freeBytes

/** Of the file system of `folder`: what imports and disks may still fill, and all of it. */
export async function roomIn(folder: string): Promise<{ readonly freeBytes: bigint; readonly totalBytes: bigint }> {
  const { bavail, bsize, blocks } = await statfs(folder, { bigint: true })
  const free = bavail * bsize - RESERVE
  return { freeBytes: free > 0n ? free : 0n, totalBytes: blocks * bsize }
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

/** Between two looks while something writes; a fast disk takes some 100 MiB in that time, well within the reserve. */
const LOOK_MS = 250

export interface RoomWatch {
  readonly folder: string
  readonly clock: Clock
  readonly look: (folder: string) => Promise<bigint>
}

/**
 * Runs `work`, and ends it by its signal as soon as the reserve is touched: others write meanwhile, so that what was free at its start says little.
 * @throws ImportError when that happened; what `work` throws
 */
export async function whileRoom<T>(
  { folder, clock, look }: RoomWatch,
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const full = new AbortController()
  const over = new AbortController()
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(LOOK_MS, over.signal)
      if ((await look(folder)) === 0n) return full.abort()
    }
  }
  const watching = watch().catch(() => undefined)
  try {
    return await work(AbortSignal.any([signal, full.signal]))
  } catch (error) {
    if (full.signal.aborted && !signal.aborted)
      throw new ImportError('host', 'there is not enough free space for the converted image', { cause: error })
    throw error
  } finally {
    over.abort()
    await watching
  }
}
