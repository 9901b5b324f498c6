// Time as an argument: the client's only timers, so that tests need not sleep.

/** Monotonic time and cancellable waits. */
export interface Clock {
  /** Milliseconds that only grow. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when that is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's own clock. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}

/** Node's longest timer; a longer wait would fire at once. */
const LONGEST_MS = 2_147_483_647

/** Runs `action` after `ms`, or never when the returned function is called first. */
export function after(clock: Clock, ms: number, action: () => void): () => void {
  const stop = new AbortController()
  clock.sleep(Math.min(Math.max(ms, 0), LONGEST_MS), stop.signal).then(
    () => {
      if (!stop.signal.aborted) action()
    },
    () => undefined, // cancelled: nothing is left to do
  )
  return () => stop.abort()
}
