// What a server tells its service manager: ready, what it is doing, that it lives, that it stops. Nothing without such a manager.
//
// A sign of life is sent only after the store has answered through its writer, so a server whose event loop or database hangs is
// restarted. An error is an answer: a full disk is no reason to start over.
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { ServiceManager } from '../service-manager.ts'
import type { Log } from './log.ts'

/** `systemctl start` waits so long at most for what the server can do without: libvirt, other hosts. */
export const READY_WITHIN_MS = 20_000
/** A changed status is told within this time. */
const LOOK_MS = 2_000

export interface SupervisionDeps {
  readonly manager: ServiceManager | null
  readonly clock: Clock
  readonly log: Log
  /** Resolves once the first attempt at everything that can wait has ended, well or not. */
  readonly settled: Promise<void>
  /** One line for `systemctl status`. */
  status(): string
  /** Resolves, or throws, when the store has answered. */
  ask(): Promise<unknown>
  /** What is so while the server stops: `guests run on`. */
  readonly meanwhile: string
}

export class Supervision {
  readonly #deps: SupervisionDeps
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #told = ''

  constructor(deps: SupervisionDeps) {
    this.#deps = deps
  }

  start(): void {
    if (this.#deps.manager !== null) this.#running = this.#live(this.#deps.manager)
  }

  /** Says that the agent stops. Call it before stopping anything. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    if (this.#deps.manager !== null)
      await this.#send(this.#deps.manager, ['STOPPING=1', `STATUS=Stopping; ${this.#deps.meanwhile}`])
  }

  async #live(manager: ServiceManager): Promise<void> {
    const { clock, settled } = this.#deps
    const { signal } = this.#stopping
    const timer = new AbortController()
    const late = clock.sleep(READY_WITHIN_MS, AbortSignal.any([signal, timer.signal])).catch(() => undefined)
    await Promise.race([settled, late])
    timer.abort()
    if (signal.aborted) return
    while (!(await this.#send(manager, ['READY=1', ...this.#news()]))) if (!(await this.#slept(LOOK_MS, signal))) return
    await Promise.all([this.#tellStatus(manager, signal), this.#giveSigns(manager, signal)])
  }

  async #tellStatus(manager: ServiceManager, signal: AbortSignal): Promise<void> {
    while (await this.#slept(LOOK_MS, signal)) {
      const news = this.#news()
      if (news.length > 0) await this.#send(manager, news)
    }
  }

  /** Twice in the watchdog's time. A store that does not answer is waited for: no answer, no sign. */
  async #giveSigns(manager: ServiceManager, signal: AbortSignal): Promise<void> {
    if (manager.watchdogMs === null) return
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    do {
      const answered = this.#deps.ask().catch(() => undefined)
      await Promise.race([answered, stopped])
      if (!signal.aborted) await this.#send(manager, ['WATCHDOG=1'])
    } while (await this.#slept(manager.watchdogMs / 2, signal))
  }

  async #slept(ms: number, signal: AbortSignal): Promise<boolean> {
    await this.#deps.clock.sleep(ms, signal).catch(() => undefined)
    return !signal.aborted
  }

  #news(): readonly string[] {
    const status = this.#deps.status()
    if (status === this.#told) return []
    this.#told = status
    return [`STATUS=${status}`]
  }

  async #send(manager: ServiceManager, assignments: readonly string[]): Promise<boolean> {
    try {
      await manager.notify(assignments)
      return true
    } catch (error) {
      this.#told = ''
      this.#deps.log.warn({ err: error }, `the service manager could not be told: ${messageOf(error)}`)
      return false
    }
  }
}
