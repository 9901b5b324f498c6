// How a websocket is told why it ends.
import WebSocket from 'ws'
import type { Advice } from '../../lib/advice.ts'
import type { Clock } from '../../lib/clock.ts'

/** RFC 6455, 7.4.1, and one of our own: 4000 to 4999 are for applications. */
export const CLOSE = { normal: 1000, goingAway: 1001, policy: 1008, internal: 1011, takenOver: 4001 } as const

/** What an operator reads about each. */
export const CLOSE_ADVICE: Readonly<Record<keyof typeof CLOSE, Advice>> = {
  normal: { means: 'One side is done: the machine stopped or was restarted, or the connection in the guest ended.' },
  goingAway: { means: 'The agent is stopping; the guest runs on.', todo: 'Connect again.' },
  policy: {
    means: 'The client takes too little, sends too much, or lost its right or token while connected.',
    todo: 'See the reason; log in again when access was taken away.',
  },
  internal: {
    means: 'The connection to libvirt, QEMU or the guest failed; the reason says which.',
    todo: 'Connect again; when it stays, see the log of the agent.',
  },
  takenOver: { means: 'Somebody else took the console or screen; the reason names them.' },
}

export interface Ending {
  readonly code: (typeof CLOSE)[keyof typeof CLOSE]
  /** For people. */
  readonly reason: string
}

/** RFC 6455, 5.5: a control frame has 125 bytes, two of them the code. */
const MAX_REASON_BYTES = 123
/** A client that does not answer the close frame is cut off. */
const CLOSE_WAIT_MS = 2_000

/** The beginning of `reason` that fits, whole characters only. */
export function fitReason(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason
  let text = ''
  for (const char of reason) {
    if (Buffer.byteLength(`${text}${char}…`) > MAX_REASON_BYTES) break
    text += char
  }
  return `${text}…`
}

/** Says goodbye and waits for the answer, two seconds at most. Never rejects. */
export async function closeSocket(socket: WebSocket, { code, reason }: Ending, clock: Clock): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return
  const done = new AbortController()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  // A paused socket would not hear the answer.
  if (socket.isPaused) socket.resume()
  socket.close(code, fitReason(reason))
  await Promise.race([closed, clock.sleep(CLOSE_WAIT_MS, done.signal).catch(() => undefined)])
  done.abort()
  socket.terminate()
}
