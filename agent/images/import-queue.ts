// Runs imports in the background: so many at a time, namespaces taking turns, each cancellable, faults retried a few times.
//
// INVARIANTS
// - At most one run per uid; `cancel` resolves only when the run has ended and its files are gone.
// - What is here is lost with the process, and only that: a finished import is a claim in the content store.
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import { FairLine } from '../../lib/fair-line.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import { isRetryable } from './errors.ts'
import type { Importer, ImportProgress, ImportRequest } from './importer.ts'
import { type Speed, SpeedMeter } from './speed.ts'

export type ImportState =
  /** `ahead`: imports that come first. */
  | { readonly kind: 'queued'; readonly ahead: number }
  | { readonly kind: 'running'; readonly progress: ImportProgress | null; readonly speed: Speed }
  /** `retryAt`: clock milliseconds of the next try, null when only a new source can help. */
  | { readonly kind: 'failed'; readonly message: string; readonly attempt: number; readonly retryAt: number | null }
  /** The claim is in the content store. */
  | { readonly kind: 'done'; readonly speed: Speed }

export interface ImportJob {
  /** Whose turn it takes; empty for what is the cluster's. */
  readonly namespace: string
  readonly request: ImportRequest
  /** Called when the job begins to run and when it ends. Must not throw. */
  readonly onChange: () => void
  /** Of the pass that asked for it. Default: the queue's own. */
  readonly log?: ReconcileLog
}

export interface ImportQueueDeps {
  readonly importer: Pick<Importer, 'import'>
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly concurrency: number
  /** Tries of one source in all. Default 6. */
  readonly attempts?: number
  /** Wait after the first fault, doubled each time up to 5 minutes. Default 5 s. */
  readonly retryMs?: number
}

const ATTEMPTS = 6
const RETRY_MS = 5_000
const RETRY_MAX_MS = 300_000

export interface ImportCounts {
  readonly queued: number
  readonly running: number
  readonly failed: number
  /** Milliseconds that the import which waits longest has been waiting; 0 when none waits. */
  readonly oldestMs: number
}

interface Entry {
  job: ImportJob
  readonly meter: SpeedMeter
  readonly abort: AbortController
  attempt: number
  /** Since when it waits for its turn, in monotonic milliseconds. */
  queuedAt: number
  state: 'queued' | 'running' | 'failed' | 'done'
  progress: ImportProgress | null
  failure: { readonly message: string; readonly retryAt: number | null } | null
  ended: Promise<void>
}

export class ImportQueue {
  readonly #deps: ImportQueueDeps
  readonly #entries = new Map<string, Entry>()
  /** Uids of those that are queued. */
  readonly #line = new FairLine()
  #running = 0
  #stopped = false

  constructor(deps: ImportQueueDeps) {
    this.#deps = deps
  }

  /** Where an import is; null when nobody asked for it in this life of the process. */
  state(uid: string): ImportState | null {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return null
    const speed = entry.meter.speed()
    switch (entry.state) {
      case 'queued':
        return { kind: 'queued', ahead: this.#running + this.#line.ahead(uid) }
      case 'running':
        return { kind: 'running', progress: entry.progress, speed }
      case 'done':
        return { kind: 'done', speed }
      case 'failed': {
        const { message = '', retryAt = null } = entry.failure ?? {}
        return { kind: 'failed', message, attempt: entry.attempt, retryAt }
      }
    }
  }

  counts(): ImportCounts {
    const entries = [...this.#entries.values()]
    const waiting = entries.filter(({ state }) => state === 'queued')
    const since = Math.min(...waiting.map(({ queuedAt }) => queuedAt))
    return {
      queued: waiting.length,
      running: this.#running,
      failed: entries.filter(({ state }) => state === 'failed').length,
      oldestMs: waiting.length === 0 ? 0 : this.#deps.clock.monotonic() - since,
    }
  }

  /** Sees to it that this source is being imported: starts, goes on, or tries again when it is time. */
  async ensure(job: ImportJob): Promise<void> {
    if (this.#stopped) return
    const { uid } = job.request.claim
    const known = this.#entries.get(uid)
    // One that is done and asked for again has lost what it brought.
    if (known !== undefined && (!isSameWork(known.job.request, job.request) || known.state === 'done'))
      await this.cancel(uid)
    const entry = this.#entries.get(uid)
    if (entry === undefined) this.#add(uid, job)
    else {
      // Where content can be had changes while it is being fetched: the next try knows.
      entry.job = job
      if (entry.state === 'failed' && this.#isDue(entry)) this.#requeue(entry)
    }
    this.#fill()
  }

  /** Forgets an import; when it is running, ends it and waits until it left nothing behind. */
  async cancel(uid: string): Promise<void> {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    this.#entries.delete(uid)
    this.#line.delete(uid)
    entry.abort.abort(new Error('the import is no longer wanted'))
    await entry.ended
  }

  /** Ends all and takes no more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#entries.keys()].map((uid) => this.cancel(uid)))
  }

  #add(uid: string, job: ImportJob): void {
    this.#entries.set(uid, {
      job,
      meter: new SpeedMeter(this.#deps.clock),
      abort: new AbortController(),
      attempt: 0,
      queuedAt: this.#deps.clock.monotonic(),
      state: 'queued',
      progress: null,
      failure: null,
      ended: Promise.resolve(),
    })
    this.#line.add(uid, job.namespace)
  }

  #isDue({ failure }: Entry): boolean {
    return failure !== null && failure.retryAt !== null && failure.retryAt <= this.#deps.clock.now()
  }

  /** To the end of its namespace's line: a source that fails again and again must not keep others from their turn. */
  #requeue(entry: Entry): void {
    const { uid } = entry.job.request.claim
    entry.state = 'queued'
    entry.queuedAt = this.#deps.clock.monotonic()
    entry.progress = null
    this.#line.add(uid, entry.job.namespace)
  }

  #fill(): void {
    while (!this.#stopped && this.#running < this.#deps.concurrency) {
      const entry = this.#entries.get(this.#line.take() ?? '')
      if (entry === undefined) return
      this.#running += 1
      entry.state = 'running'
      entry.attempt += 1
      entry.ended = this.#run(entry)
    }
  }

  async #run(entry: Entry): Promise<void> {
    const { importer, clock, attempts = ATTEMPTS } = this.#deps
    const { request, onChange, log = this.#deps.log } = entry.job
    entry.meter.start()
    log.debug({ uid: request.claim.uid, attempt: entry.attempt }, 'an import begins')
    onChange()
    try {
      await importer.import(request, (progress) => this.#follow(entry, progress), entry.abort.signal)
      entry.state = 'done'
      log.info({ uid: request.claim.uid, attempt: entry.attempt }, 'an import is done')
    } catch (error) {
      // Hosts come back: content of the cluster is asked for until it is here.
      const again = isRetryable(error) && (request.content !== undefined || entry.attempt < attempts)
      const retryAt = again ? clock.now() + this.#delay(entry.attempt) : null
      entry.state = 'failed'
      entry.failure = { message: messageOf(error), retryAt }
      if (!entry.abort.signal.aborted) {
        log.warn({ uid: request.claim.uid, attempt: entry.attempt, again, err: error }, 'an import failed')
      }
    } finally {
      entry.meter.stop()
      this.#running -= 1
      this.#fill()
      onChange()
    }
  }

  #follow(entry: Entry, progress: ImportProgress): void {
    entry.progress = progress
    entry.meter.at(progress.bytes)
  }

  #delay(attempt: number): number {
    return Math.min((this.#deps.retryMs ?? RETRY_MS) * 2 ** (attempt - 1), RETRY_MAX_MS)
  }
}

const isSameWork = (a: ImportRequest, b: ImportRequest): boolean =>
  a.content?.digest === b.content?.digest && isDeepStrictEqual(a.source, b.source)
