// Unpacks a stream by what its first bytes say: gz in this process, xz in a confined child, anything else as it is.
// How long the output may get is the consumer's business: it stops reading.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { ProgramError } from '../../lib/exec.ts'
import type { Room } from './confine.ts'
import { refused, transport } from './errors.ts'
import { compressionOf } from './format.ts'

/** Enough for `xz -9` (65 MiB) with a margin; a stream that wants more is no disk image. */
const XZ_MEMORY_MIB = 256
const XZ_LIMITS = { addressSpaceBytes: 1024 * 1024 * 1024, openFiles: 64 }
const MAGIC_BYTES = 6

/** @throws ImportError when the packed data is damaged; faults of `chunks` as they are */
export async function* unpacked(
  chunks: AsyncIterable<Buffer>,
  room: Room,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const { head, all } = await peek(chunks, MAGIC_BYTES)
  const compression = compressionOf(head)
  if (compression === 'gz') yield* gunzipped(all)
  else if (compression === 'xz') yield* unxzed(all, room, options)
  else yield* all
}

/** The first `count` bytes, and the stream with them still in it. */
async function peek(chunks: AsyncIterable<Buffer>, count: number) {
  const iterator = chunks[Symbol.asyncIterator]()
  const first: Buffer[] = []
  let length = 0
  while (length < count) {
    const next = await iterator.next()
    if (next.done === true) break
    first.push(next.value)
    length += next.value.length
  }
  async function* all() {
    try {
      yield* first
      yield* { [Symbol.asyncIterator]: () => iterator }
    } finally {
      await iterator.return?.()
    }
  }
  return { head: Buffer.concat(first).subarray(0, count), all: all() }
}

async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 262_144 })
  // The same fault comes out of the loop below, and a consumer that stops is none.
  pipeline(Readable.from(chunks), gunzip).catch(() => {})
  try {
    for await (const chunk of gunzip) yield chunk
  } catch (error) {
    throw damagedGz(error)
  }
}

function damagedGz(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'Z_BUF_ERROR') return transport('the gz data ends too early', { cause: error })
  if (typeof code === 'string' && code.startsWith('Z_')) return refused('the gz data is damaged', { cause: error })
  return error
}

async function* unxzed(
  chunks: AsyncIterable<Buffer>,
  room: Room,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const args = ['--decompress', '--stdout', '--threads=1', `--memlimit-decompress=${XZ_MEMORY_MIB}MiB`]
  try {
    yield* room.filter('xz', args, chunks, { ...options, limits: XZ_LIMITS, nice: 10 })
  } catch (error) {
    throw damagedXz(error)
  }
}

function damagedXz(error: unknown): unknown {
  if (!(error instanceof ProgramError) || error.end.kind !== 'exit') return error
  if (/unexpected end of input/i.test(error.stderrTail)) {
    return transport('the xz data ends too early', { cause: error })
  }
  return refused(`the xz data is damaged or needs too much memory (${error.stderrTail})`, { cause: error })
}
