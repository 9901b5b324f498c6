import { setTimeout as sleep } from 'node:timers/promises'

/** Waits, less when the signal aborts; never rejects. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
