// Pieces to a response, as fast as its client takes them.
import type { ServerResponse } from 'node:http'
import { messageOf } from '../../errors.ts'

export interface ResponseSink {
  /** Resolves when there is room for more. */
  write(piece: string | Uint8Array): Promise<void>
}

/** Waits while the buffer is full, `slowMs` at most; then, and when `gone` aborts, a write fails. */
export function responseSink(raw: ServerResponse, gone: AbortSignal, slowMs: number): ResponseSink {
  return {
    write: async (piece) => {
      if (gone.aborted) throw new Error(messageOf(gone.reason))
      if (raw.write(piece)) return
      await new Promise<void>((resolve, reject) => {
        const end = (error?: Error) => {
          clearTimeout(timer)
          raw.off('drain', end)
          gone.removeEventListener('abort', onGone)
          if (error === undefined) resolve()
          else reject(error)
        }
        const onGone = () => end(new Error(messageOf(gone.reason)))
        const timer = setTimeout(() => end(new Error('the client reads too slowly')), slowMs)
        raw.once('drain', () => end())
        gone.addEventListener('abort', onGone, { once: true })
      })
    },
  }
}
