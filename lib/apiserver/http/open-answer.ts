// An answer that is written as it comes: a watch, the content of a file. It ends when the client goes, or when the right to it does.
import type { ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import { messageOf } from '../../errors.ts'
import { linkedAbort } from '../../linked-abort.ts'
import type { Admitted, Guard } from '../auth/guard.ts'

export interface OpenAnswer {
  readonly code: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly guard: Guard
  readonly admitted: Admitted
  /** Milliseconds; none unless given. */
  readonly deadlineMs?: number
  readonly log: FastifyBaseLogger
  /** For the log: `a watch`. */
  readonly what: string
  /** Writes the body. `gone`: the client is; `over`: that, or nobody may have more of it, or it took too long. */
  write(raw: ServerResponse, signals: { readonly gone: AbortSignal; readonly over: AbortSignal }): Promise<void>
}

/** Made once: thousands of watchers may go at the same moment, and the making of an error is what costs most then. */
const GONE = new Error('the client is gone')

/** Resolves when all is written or the connection was cut, which is how a client learns that this is not all. */
export async function sendOpen(reply: FastifyReply, answer: OpenAnswer): Promise<FastifyReply> {
  reply.hijack()
  const { raw, request } = reply
  const { guard, admitted, log, what } = answer
  const gone = new AbortController()
  const held = guard.hold(admitted)
  const over = linkedAbort([gone.signal, held.signal], answer.deadlineMs)
  const leave = () => gone.abort(GONE)
  raw.on('close', leave)
  raw.on('error', leave)
  // Gone while it waited for its turn: nobody will say so again.
  if (raw.destroyed) leave()
  raw.writeHead(answer.code, { ...answer.headers, 'cache-control': 'no-cache, private', 'audit-id': request.id })
  try {
    await answer.write(raw, { gone: gone.signal, over: over.signal })
    raw.end()
  } catch (error) {
    if (!gone.signal.aborted) log.warn({ request: request.id, reason: messageOf(error) }, `${what} was cut off`)
    raw.destroy()
  } finally {
    over.release()
    held.release()
  }
  return reply
}
