// Time as an argument, so that tests do not sleep and clock skew can be injected.

/** Source of time and of cancellable waits. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number
  /** Monotonic milliseconds, for measuring durations. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
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

const MILLISECONDS = '.000Z'

const secondText = (second: number): string =>
  `${new Date(second * 1000).toISOString().slice(0, -MILLISECONDS.length)}Z`

/** What was asked for last: most of what is written in one second bears the same text several times. */
let last = { second: 0, text: secondText(0) }

/** RFC 3339 in UTC with seconds, the form of every timestamp in an object. */
export function timestamp(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== last.second) last = { second, text: secondText(second) }
  return last.text
}
