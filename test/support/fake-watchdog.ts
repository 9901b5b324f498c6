// A watchdog that no kernel has: a pipe stands in the place of the device, and this reads it. Fed once, it counts; not fed for `seconds` it
// does what it is told instead of a reset. Closing without the letter V is nothing to it, as it is nothing to a kernel.
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { execa } from 'execa'

const LOOK_MS = 50

export class FakeWatchdog {
  readonly #fd: number
  readonly #timer: NodeJS.Timeout
  readonly #seconds: number
  readonly #bite: () => void
  #fedAt: number | null = null
  #bitten = false
  #fed = 0
  #disarmed = 0

  private constructor(fd: number, seconds: number, bite: () => void) {
    this.#fd = fd
    this.#seconds = seconds
    this.#bite = bite
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  /** Makes the pipe. `bite`: what a reset is here. */
  static async at(path: string, seconds: number, bite: () => void): Promise<FakeWatchdog> {
    await execa('mkfifo', ['-m', '600', path])
    // Open for both, it has no end when its writer goes.
    return new FakeWatchdog(openSync(path, constants.O_RDWR | constants.O_NONBLOCK), seconds, bite)
  }

  get armed(): boolean {
    return this.#fedAt !== null
  }

  get bitten(): boolean {
    return this.#bitten
  }

  /** How often it was disarmed. */
  get disarmed(): number {
    return this.#disarmed
  }

  /** How often it was fed. */
  get fed(): number {
    return this.#fed
  }

  close(): void {
    clearInterval(this.#timer)
    closeSync(this.#fd)
  }

  #look(): void {
    for (const letter of this.#read()) {
      if (letter === 'V') {
        this.#fedAt = null
        this.#disarmed += 1
      } else {
        this.#fedAt = performance.now()
        this.#fed += 1
      }
    }
    if (this.#bitten || this.#fedAt === null || performance.now() - this.#fedAt < this.#seconds * 1000) return
    this.#bitten = true
    this.#bite()
  }

  #read(): string {
    const buffer = Buffer.alloc(4096)
    try {
      return buffer.toString('latin1', 0, readSync(this.#fd, buffer))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return ''
      throw error
    }
  }
}
