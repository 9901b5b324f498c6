// Large answers: a part of them by `Range` (RFC 9110, one range), sent piece by piece. Whoever reads too slowly is cut off, as with watches.
import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import { ApiError, messageOf } from '../../errors.ts'
import { linkedAbort } from '../../linked-abort.ts'
import type { Admitted, Guard } from '../auth/guard.ts'
import type { Content } from '../connect.ts'
import { type Answer, json } from './answer.ts'
import { responseSink } from './response-sink.ts'
import { statusOf } from './status.ts'

export interface ContentAnswer {
  readonly code: 200 | 206
  readonly headers: Readonly<Record<string, string | number>>
  readonly chunks: AsyncIterable<Uint8Array>
  readonly deadlineMs: number
}

export interface ContentOptions {
  readonly guard: Guard
  readonly admitted: Admitted
  /** Milliseconds that the client may take nothing. */
  readonly slowWatcherMs: number
}

/** A range of whole bytes, `end` being the first that is left out. */
interface Span {
  readonly start: number
  readonly end: number
}

/** Null for a header that is to be passed over: another unit, several ranges, no range at all. */
export function spanOf(range: string | undefined, size: number): Span | 'outside' | null {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range?.replaceAll(' ', '') ?? '') ?? []
  if (from === '' && to === '') return null
  if (from === '') return Number(to) === 0 ? 'outside' : { start: Math.max(0, size - Number(to)), end: size }
  const start = Number(from)
  const end = to === '' ? size : Math.min(Number(to) + 1, size)
  if (to !== '' && Number(to) < start) return null
  return start >= size ? 'outside' : { start, end }
}

/** @throws ApiError as {@link Content.open} */
export function contentAnswer(content: Content, range: string | undefined): ContentAnswer | Answer {
  const { size, type, deadlineMs } = content
  const span = spanOf(range, size)
  if (span === 'outside') return outside(size)
  const { start, end } = span ?? { start: 0, end: size }
  return {
    code: span === null ? 200 : 206,
    headers: {
      ...content.headers,
      'content-type': type,
      'content-length': end - start,
      'accept-ranges': 'bytes',
      ...(span === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
    },
    chunks: content.open(start, end),
    deadlineMs,
  }
}

/** Kubernetes has no reason for 416. */
function outside(size: number): Answer {
  const status = {
    ...statusOf(new ApiError('BadRequest', `the range begins behind the last of ${size} bytes`)),
    code: 416,
  }
  return { ...json(status, 416), headers: { 'content-range': `bytes */${size}` } }
}

/** Sends it at the speed of the client. Resolves when all is sent or the connection was cut; a client that reads nothing for `slowWatcherMs` is. */
export async function sendContent(
  answer: ContentAnswer,
  reply: FastifyReply,
  { guard, admitted, slowWatcherMs }: ContentOptions,
  log: FastifyBaseLogger,
): Promise<FastifyReply> {
  reply.hijack()
  const { raw } = reply
  const gone = new AbortController()
  const held = guard.hold(admitted)
  const over = linkedAbort([gone.signal, held.signal], answer.deadlineMs)
  const leave = () => gone.abort(new Error('the client is gone'))
  raw.on('close', leave)
  raw.on('error', leave)
  if (raw.destroyed) leave()
  raw.writeHead(answer.code, { ...answer.headers, 'cache-control': 'no-cache, private', 'audit-id': reply.request.id })
  const sink = responseSink(raw, over.signal, slowWatcherMs)
  try {
    for await (const chunk of answer.chunks) await sink.write(chunk)
    raw.end()
  } catch (error) {
    if (!gone.signal.aborted) log.warn({ request: reply.request.id, reason: messageOf(error) }, 'an answer was cut off')
    // The length was promised: only a broken connection says that this is not all.
    raw.destroy()
  } finally {
    over.release()
    held.release()
  }
  return reply
}
