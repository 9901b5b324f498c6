// What is asked of one agent: so much at a time, each with a deadline. An agent that takes requests and does not answer is left alone
// for a while, so that it holds up nobody else.
import { UnreachableError } from '../../lib/client/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { ApiError } from '../../lib/errors.ts'
import { linkedAbort } from '../../lib/linked-abort.ts'
import { Semaphore } from '../../lib/semaphore.ts'
import { Deadlines } from './deadlines.ts'

export interface GateOptions {
  readonly node: string
  readonly clock: Clock
  /** Requests under way at most. */
  readonly parallel?: number
  /** For a request, the wait for its turn included. */
  readonly deadlineMs?: number
}

const PARALLEL = 8
const DEADLINE_MS = 10_000
const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 30_000

export class Gate {
  readonly #options: GateOptions
  readonly #turns: Semaphore
  readonly #deadlines: Deadlines
  #silences = 0
  /** Monotonic milliseconds until which nothing is asked. */
  #pausedUntil = 0

  constructor(options: GateOptions) {
    this.#options = options
    this.#turns = new Semaphore(options.parallel ?? PARALLEL)
    this.#deadlines = new Deadlines(options.clock, options.deadlineMs ?? DEADLINE_MS)
  }

  /** @throws what `work` throws, or UnreachableError when it, or its turn, did not come in time or the agent is left alone */
  async run<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, node, deadlineMs = DEADLINE_MS } = this.#options
    const pause = this.#pausedUntil - clock.monotonic()
    if (pause > 0) throw unreachable(node, `it did not answer; asked again in ${Math.ceil(pause / 1000)} s`)
    const either = linkedAbort([signal])
    const over = this.#deadlines.begin(() => either.abort(unreachable(node, `no answer within ${deadlineMs / 1000} s`)))
    try {
      const end = await this.#turns.take(either.signal)
      try {
        const answer = await abortable(work(either.signal), either.signal)
        this.#silences = 0
        return answer
      } finally {
        end()
      }
    } catch (error) {
      if (either.signal.aborted && !signal.aborted) {
        this.#silence()
        throw either.signal.reason
      }
      if (error instanceof ApiError) this.#silences = 0
      throw error
    } finally {
      over()
      either.release()
    }
  }

  #silence(): void {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#silences, 16))
    this.#silences += 1
    this.#pausedUntil = this.#options.clock.monotonic() + pause
  }
}

const unreachable = (node: string, words: string): UnreachableError =>
  new UnreachableError(`the agent of ${node}`, new Error(words))

/** Whoever does not hear of the signal is not waited for. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
