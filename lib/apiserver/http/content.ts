// Large answers: a part of them by `Range` (RFC 9110, one range), sent piece by piece. Whoever reads too slowly is cut off, as with watches.
import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import { ApiError } from '../../errors.ts'
import type { Admitted, Guard } from '../auth/guard.ts'
import type { Content } from '../connect.ts'
import { type Answer, json } from './answer.ts'
import { sendOpen } from './open-answer.ts'
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
export const sendContent = (
  { code, headers, chunks, deadlineMs }: ContentAnswer,
  reply: FastifyReply,
  { guard, admitted, slowWatcherMs }: ContentOptions,
  log: FastifyBaseLogger,
): Promise<FastifyReply> =>
  sendOpen(reply, {
    ...{ code, headers, deadlineMs, guard, admitted, log },
    what: 'an answer',
    write: async (raw, { over }) => {
      const sink = responseSink(raw, over, slowWatcherMs)
      for await (const chunk of chunks) await sink.write(chunk)
    },
  })
