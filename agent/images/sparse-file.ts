// Writes a stream to a file and leaves holes where it has only zeros, so that an empty disk takes no space.
import { type FileHandle, open } from 'node:fs/promises'

const BLOCK = 65_536
const ZEROS = Buffer.alloc(BLOCK)

/**
 * @param accept called with the length so far before each write; throws to stop
 * @returns length of the file in bytes
 */
export async function writeSparse(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  accept: (length: number) => Promise<void> | void,
): Promise<number> {
  const file = await open(path, 'wx', 0o600)
  try {
    let length = 0
    for await (const chunk of chunks) {
      await accept(length + chunk.length)
      await writeChunk(file, chunk, length)
      length += chunk.length
    }
    // A hole at the end is not there until the length says so.
    await file.truncate(length)
    await file.sync()
    return length
  } finally {
    await file.close()
  }
}

/** Runs of data between whole zero blocks are written at once. */
async function writeChunk(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  let start = 0
  for (let at = 0; at < chunk.length; at += BLOCK) {
    const end = Math.min(at + BLOCK, chunk.length)
    if (!isZero(chunk.subarray(at, end))) continue
    await writeAll(file, chunk.subarray(start, at), position + start)
    start = end
  }
  await writeAll(file, chunk.subarray(start), position + start)
}

const isZero = (bytes: Uint8Array): boolean => ZEROS.subarray(0, bytes.length).equals(bytes)

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
