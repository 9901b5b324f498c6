// Joins a stream with something local that has two directions: a connection, or a pair of pipes.
import type { Readable } from 'node:stream'
import type { ByteStream, StreamEnd } from '../../lib/client/streams.ts'

/** The local side. */
export interface Local {
  readonly input: Readable
  /** Resolves when there is room for more. */
  write(chunk: Uint8Array): Promise<void>
  /** Nothing more comes. */
  end(): void
}

/** The close code of an orderly end (RFC 6455, 7.4.1). */
export const NORMAL = 1000
const EMPTY = new Uint8Array(0)

/**
 * Until the stream has ended. With `halfClose` an empty message is the end of its direction, and the other goes on; without,
 * the end of the local input ends the stream. Never rejects: a fault of the local side ends the stream too.
 */
export async function join(
  stream: ByteStream,
  local: Local,
  { halfClose }: { readonly halfClose: boolean },
): Promise<StreamEnd> {
  const leave = () => stream.close()
  void sendAll(stream, local.input).then(() => (halfClose ? stream.write(EMPTY).catch(leave) : leave()), leave)
  try {
    for await (const chunk of stream.readable) {
      if (chunk.length > 0) await local.write(chunk)
      else if (halfClose) local.end()
    }
  } catch {
    leave()
  }
  const ended = await stream.ended
  // A reader must not take a fault for an orderly end.
  if (ended.code === NORMAL) local.end()
  return ended
}

async function sendAll(stream: ByteStream, input: Readable): Promise<void> {
  // A connection whose input is at its end can still be written to.
  for await (const chunk of input.iterator({ destroyOnReturn: false }))
    await stream.write(typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array))
}
