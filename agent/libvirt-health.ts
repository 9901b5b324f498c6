// Whether libvirt answers, by asking it every two seconds; a trouble is told once, and its end once.
//
// INVARIANTS: one question per lane is under way at most, so a hung libvirtd is not buried under questions; nothing here holds a pass
// or a request; a trouble ends only by an answer.
import type { Clock } from '../lib/clock.ts'
import { rootMessageOf } from '../lib/errors.ts'
import { ConnectionLost, isSilence, LibvirtError, type LibvirtPool } from '../lib/libvirt/index.ts'
import type { LibvirtTroubleReason } from './host/index.ts'

const EVERY_MS = 2_000
/** A question without an answer for so long: libvirt hangs. Its fastest calls take a tenth of a millisecond. */
const SILENT_MS = 5_000
/** A light answer that takes longer is slow. */
const SLOW_MS = 1_000
/** Work that waits longer for one of libvirt's workers is slow: starts hold one for some seconds on a busy host. */
const SLOW_WORK_MS = 10_000
/** The connection gives a hung libvirtd up by itself (its heartbeat, 30 s); this is only the outer bound. */
const QUESTION_MS = 60_000
const WORK_QUESTION_MS = 600_000
/** Without an answer for so long, what is known of the virtual machines is no longer certain. */
export const BLIND_MS = 10_000

export interface LibvirtTrouble {
  readonly reason: LibvirtTroubleReason
  /** A sentence that does not change while the trouble lasts. */
  readonly message: string
  /** Monotonic milliseconds at which libvirt last was as it should be. */
  readonly since: number
}

export interface LibvirtHealthDeps {
  readonly libvirt: Pick<LibvirtPool, 'call' | 'problem'>
  readonly clock: Clock
  /** A trouble began, became another one, or ended (null, with how long it took). Must not throw. */
  readonly onChange: (trouble: LibvirtTrouble | null, lastedMs: number) => void
  /** libvirt has not answered for {@link BLIND_MS}; once per trouble. Must not throw. */
  readonly onBlind: (trouble: LibvirtTrouble) => void
}

type Finding = Pick<LibvirtTrouble, 'reason' | 'message'> | null

export class LibvirtHealth {
  readonly #deps: LibvirtHealthDeps
  readonly #stopping = new AbortController()
  #trouble: LibvirtTrouble | null = null
  #goodAt: number
  #blind = false
  #workSince: number | null = null
  #answerMs: number | null = null
  #running: Promise<void> = Promise.resolve()

  constructor(deps: LibvirtHealthDeps) {
    this.#deps = deps
    this.#goodAt = deps.clock.monotonic()
  }

  /** The first question comes after two seconds: the first connection needs a moment. */
  start(): void {
    this.#running = this.#watch()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the agent is stopping'))
    await this.#running
  }

  /** What is wrong with libvirt now; null when nothing is. */
  trouble(): LibvirtTrouble | null {
    return this.#trouble
  }

  /** How long the last light answer took, ms; null before the first. */
  get answerMs(): number | null {
    return this.#answerMs
  }

  async #watch(): Promise<void> {
    const { clock } = this.#deps
    const { signal } = this.#stopping
    for (;;) {
      await clock.sleep(EVERY_MS, signal).catch(() => undefined)
      if (signal.aborted) return
      this.#askWorkers()
      const finding = await this.#ask()
      if (signal.aborted) return
      this.#judge(finding)
    }
  }

  async #ask(): Promise<Finding> {
    const { libvirt, clock } = this.#deps
    const { signal } = this.#stopping
    const begun = clock.monotonic()
    const answered = new AbortController()
    this.#notice(answered.signal).catch(() => undefined) // only ends early by the answer
    try {
      await libvirt.call('ConnectGetLibVersion', {}, { signal, lane: 'light', timeoutMs: QUESTION_MS })
      this.#answerMs = clock.monotonic() - begun
      return this.#answerMs > SLOW_MS ? SLOW : this.#slowWork()
    } catch (error) {
      // Neither connected nor refused yet, as when the agent begins: nothing is known.
      if (error instanceof ConnectionLost && libvirt.problem === null) return this.#trouble
      return judgeFailure(error, libvirt.problem)
    } finally {
      answered.abort()
    }
  }

  /** While a question is under way: silence is told when it has lasted, and once more when it has made us blind. */
  async #notice(answered: AbortSignal): Promise<void> {
    for (const ms of [SILENT_MS, BLIND_MS - SILENT_MS]) {
      await this.#deps.clock.sleep(ms, answered)
      this.#judge(HANGS)
    }
  }

  /** A question that libvirt gives to its ordinary workers: with all of them held, light answers still come. */
  #askWorkers(): void {
    const { libvirt, clock } = this.#deps
    if (this.#workSince !== null) return
    this.#workSince = clock.monotonic()
    const options = { signal: this.#stopping.signal, timeoutMs: WORK_QUESTION_MS }
    const done = () => {
      this.#workSince = null
    }
    // A refusal is an answer as well: a host without SMBIOS tables has none to give.
    libvirt.call('ConnectGetSysinfo', { flags: 0 }, options).then(done, done)
  }

  #slowWork(): Finding {
    const waits = this.#workSince !== null && this.#deps.clock.monotonic() - this.#workSince > SLOW_WORK_MS
    return waits ? SLOW_WORK : null
  }

  #judge(finding: Finding): void {
    const now = this.#deps.clock.monotonic()
    const before = this.#trouble
    const answers = finding === null || finding.reason === 'LibvirtSlow'
    if (finding === null || before === null || finding.reason !== before.reason) {
      this.#trouble = finding === null ? null : { ...finding, since: this.#goodAt }
      if (before !== null || finding !== null) this.#deps.onChange(this.#trouble, now - this.#goodAt)
    }
    if (finding === null) this.#goodAt = now
    if (answers) this.#blind = false
    else if (!this.#blind && this.#trouble !== null && now - this.#goodAt >= BLIND_MS) {
      this.#blind = true
      this.#deps.onBlind(this.#trouble)
    }
  }
}

const HANGS: Finding = {
  reason: 'LibvirtHangs',
  message: `libvirt takes connections and does not answer; guests run on. Is its process stopped, or the host out of memory or disk? Restarting libvirtd disturbs no guest`,
}
const SLOW: Finding = {
  reason: 'LibvirtSlow',
  message: `libvirt takes longer than ${SLOW_MS / 1000} s for its lightest answers`,
}
const SLOW_WORK: Finding = {
  reason: 'LibvirtSlow',
  message: `work waits longer than ${SLOW_WORK_MS / 1000} s for one of libvirt's workers: they wait for QEMUs that do not answer, or the host is overloaded`,
}

/** Pure. `problem`: why the pool has no connection. */
export function judgeFailure(error: unknown, problem: Error | null): Finding {
  if (error instanceof LibvirtError)
    return { reason: 'LibvirtRefuses', message: `libvirt answers with errors: ${error.message}` }
  if (isSilence(error) || (error instanceof ConnectionLost && isSilence(problem))) return HANGS
  return { reason: 'LibvirtAway', message: `libvirt is away: ${rootMessageOf(problem ?? error)}; guests run on` }
}
