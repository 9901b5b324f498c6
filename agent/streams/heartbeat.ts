// Notices a client that is gone without a word: asks for a sign of life and ends the socket when none comes.
import type WebSocket from 'ws'
import type { Clock } from '../../lib/clock.ts'
import { LEASE_MS, RENEW_MS } from './sessions.ts'

export interface Heartbeat {
  readonly socket: WebSocket
  readonly clock: Clock
  /** Called at each sign of life. */
  readonly onAlive: () => void
  /** Ends the heartbeat. */
  readonly signal: AbortSignal
}

/** Runs until the signal aborts or the client was silent for a lease, then it terminates the socket. Never rejects. */
export async function keepAlive({ socket, clock, onAlive, signal }: Heartbeat): Promise<void> {
  let aliveAt = clock.monotonic()
  const alive = () => {
    aliveAt = clock.monotonic()
    onAlive()
  }
  socket.on('pong', alive).on('message', alive)
  try {
    while (!signal.aborted) {
      await clock.sleep(RENEW_MS, signal)
      // While we hold the client's data back its answers wait behind them.
      if (socket.isPaused) alive()
      if (clock.monotonic() - aliveAt >= LEASE_MS) return socket.terminate()
      if (socket.readyState === socket.OPEN) socket.ping()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    socket.off('pong', alive).off('message', alive)
  }
}
