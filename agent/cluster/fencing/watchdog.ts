// The kernel's watchdog: once open, it resets the host unless it is fed in time, whatever else has stopped. Closed with the letter V it is
// off again; closed without (the fencer was killed), it is not: the host is reset.
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { messageOf } from '../../../lib/errors.ts'

export class Watchdog {
  readonly path: string
  #fd: number | null = null
  #problem = ''

  constructor(path: string) {
    this.path = path
  }

  get armed(): boolean {
    return this.#fd !== null
  }

  /** In words, why it could not be armed or fed; empty when it could. */
  get problem(): string {
    return this.#problem
  }

  /** Arms it where it is not, and feeds it. */
  feed(): void {
    try {
      // Not to wait for a reader where a pipe stands in its place.
      this.#fd ??= openSync(this.path, constants.O_WRONLY | constants.O_NONBLOCK)
      writeSync(this.#fd, '\0')
      this.#problem = ''
    } catch (error) {
      this.#problem = messageOf(error)
    }
  }

  disarm(): void {
    if (this.#fd === null) return
    const fd = this.#fd
    this.#fd = null
    try {
      writeSync(fd, 'V')
    } finally {
      closeSync(fd)
    }
  }
}

/** Seconds after the last food until the host is reset, as the kernel says; null when it does not say. */
export function watchdogTimeout(path: string, sysfs = '/sys/class/watchdog'): number | null {
  // /dev/watchdog is the first of /dev/watchdogN.
  const name = basename(path) === 'watchdog' ? 'watchdog0' : basename(path)
  try {
    const seconds = Number(readFileSync(`${sysfs}/${name}/timeout`, 'utf8').trim())
    return Number.isInteger(seconds) && seconds > 0 ? seconds : null
  } catch {
    return null
  }
}
