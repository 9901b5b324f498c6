// CLOCK_BOOTTIME: milliseconds since the host booted. It goes on while the host sleeps, and no step of the time of day moves it.
import { readFileSync } from 'node:fs'

/** Milliseconds, to 10 ms. */
export type BootClock = () => number

/** @throws Error when the kernel does not say */
export const bootClock: BootClock = () => {
  const seconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  if (!Number.isFinite(seconds)) throw new Error('/proc/uptime does not say how long the host has been up')
  return seconds * 1000
}
