// Whether writes work, as the last of them showed. The one place that says so: to the API's readiness, to controllers, to the log.
import type { Clock } from '../../clock.ts'
import type { StoreLog } from '../log.ts'
import type { StoreError } from '../store.ts'

type Listener = (trouble: StoreError | null) => void

export class Health {
  readonly #log: StoreLog
  readonly #listeners = new Set<Listener>()
  #trouble: StoreError | null = null
  #final = false

  constructor(log: StoreLog) {
    this.#log = log
  }

  get trouble(): StoreError | null {
    return this.#trouble
  }

  /** True when only a new process, or an operator, can help: nothing is written any more. */
  get final(): boolean {
    return this.#final
  }

  /** A write, or the look at what is on disk, failed. */
  failed(error: StoreError, final: boolean): void {
    const news = this.#trouble?.trouble !== error.trouble
    if (this.#final) return
    this.#final = final
    this.#trouble = error
    if (!news) return
    this.#log.error({ err: error, trouble: error.trouble }, `nothing can be stored: ${error.message}`)
    this.#tell()
  }

  /** A write went well. */
  worked(): void {
    if (this.#trouble === null || this.#final) return
    this.#trouble = null
    this.#log.warn({}, 'the store takes writes again')
    this.#tell()
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#trouble)
  }
}

/** Between two tries whether writes work again. */
const PROBE_MS = 1_000

/** While there is a trouble that may pass, calls `probe`, which tells the health what it finds. Ends with the signal. */
export function probeWhileTroubled(health: Health, probe: () => void, clock: Clock, signal: AbortSignal): void {
  let probing = false
  health.onChange((trouble) => {
    if (trouble !== null && !probing) void run()
  })
  const run = async (): Promise<void> => {
    probing = true
    while (health.trouble !== null && !health.final && !signal.aborted) {
      await clock.sleep(PROBE_MS, signal).catch(() => undefined)
      if (!signal.aborted) probe()
    }
    probing = false
  }
}
