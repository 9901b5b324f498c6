// Waits for what a test expects, with patience for a machine that is busy.
import { vi } from 'vitest'

/** Runs `check` until it passes, 8 s at most; gives its result. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 8_000, interval: 20 })
