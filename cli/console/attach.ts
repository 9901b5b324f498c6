// Joins a stream with the terminal, or with pipes, until one side ends it.
import type { ByteStream, StreamEnd } from '../../lib/client/streams.ts'
import type { Io } from '../io.ts'
import { splitAtEscape } from './escape.ts'
import { enterRaw } from './terminal.ts'

/** Why it is over: the user left, the stream ended, or a piped input's time to read on was up. */
export type Outcome = { readonly why: 'left' | 'time' } | { readonly why: 'ended'; readonly end: StreamEnd }

export interface Attach {
  readonly io: Io
  readonly stream: ByteStream
  /** For piped input: how long to read on after its end, ms. */
  readonly readOnMs: number
}

/** @throws the signal's reason when the command is interrupted; the terminal is restored in every case. */
export async function attach({ io, stream, readOnMs }: Attach): Promise<Outcome> {
  const interactive = io.stdin.isTTY === true
  const restore = interactive ? enterRaw(io) : () => {}
  const over = new AbortController()
  try {
    const output = (async (): Promise<Outcome> => {
      for await (const chunk of stream.readable) io.stdout.write(chunk)
      return { why: 'ended', end: await stream.ended }
    })()
    const input = sendInput(io, stream, interactive, over.signal)
    const typed = input.then(async (how): Promise<Outcome> => {
      if (how === 'left') return { why: 'left' }
      await io.clock.sleep(readOnMs, over.signal)
      return { why: 'time' }
    })
    typed.catch(() => {})
    return await Promise.race([output, typed, interrupted(io.signal, over.signal)])
  } finally {
    over.abort()
    stream.close()
    restore()
  }
}

/** Passes the input on, one chunk at a time; resolves at the escape key or at the input's end. */
function sendInput(
  { stdin }: Io,
  stream: ByteStream,
  interactive: boolean,
  over: AbortSignal,
): Promise<'left' | 'end'> {
  return new Promise((resolve) => {
    const onData = (data: Uint8Array | string) => {
      const chunk = typeof data === 'string' ? Buffer.from(data) : data
      const { bytes, left } = interactive ? splitAtEscape(chunk) : { bytes: chunk, left: false }
      stdin.pause()
      const go = () => {
        if (left) resolve('left')
        else if (!over.aborted) stdin.resume()
      }
      // A write that fails means that the stream has ended, which its reader tells.
      if (bytes.length > 0) stream.write(bytes).then(go, () => {})
      else go()
    }
    const onEnd = () => resolve('end')
    over.addEventListener(
      'abort',
      () => {
        stdin.off('data', onData).off('end', onEnd)
        stdin.pause()
      },
      { once: true },
    )
    stdin.on('data', onData).once('end', onEnd)
    if (stdin.readableEnded) onEnd()
    else stdin.resume()
  })
}

function interrupted(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over })
  })
}
