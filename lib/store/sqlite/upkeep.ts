// What is done now and then beside reads and writes: changes that nobody may ask for any more are dropped, and how far the database has come is
// noted outside of it.
import type { Database } from 'better-sqlite3'
import type { Clock } from '../../clock.ts'
import type { StoreLog } from '../log.ts'
import type { Revision } from '../store.ts'
import { toStoreError } from './failure.ts'
import type { Health } from './health.ts'
import type { MetaRow, Rows } from './rows.ts'
import { type LogLimits, trimLoop, trimOnce } from './trim.ts'
import type { Witness } from './witness.ts'

export interface UpkeepParts {
  readonly db: Database
  readonly path: string
  readonly rows: Rows
  readonly meta: MetaRow
  readonly clock: Clock
  readonly log: StoreLog
  readonly limits: LogLimits
  readonly health: Health
  readonly witness: Witness
}

export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #revision: () => Revision
  /** Resolves when the last round is over, after the signal of {@link start}. */
  ended: Promise<void> = Promise.resolve()
  #noting: Promise<void> = Promise.resolve()
  #compacted: Revision

  constructor(parts: UpkeepParts, revision: () => Revision) {
    this.#parts = parts
    this.#revision = revision
    this.#compacted = parts.meta.compacted
  }

  /** Changes up to it are dropped. */
  get compacted(): Revision {
    return this.#compacted
  }

  start(signal: AbortSignal): void {
    this.ended = trimLoop(() => this.#round(), this.#parts.clock, signal)
  }

  /** Remembers outside of the database how far it has come. Without it only an older copy would go unnoticed. Never rejects. */
  note(): Promise<void> {
    this.#noting = this.#noting.then(() => this.#note())
    return this.#noting
  }

  /** @returns whether there may be more to trim */
  #round(): boolean {
    if (this.#parts.health.trouble !== null) return false
    if (this.#trim()) return true
    void this.note()
    return false
  }

  async #note(): Promise<void> {
    const { witness, log, path, meta } = this.#parts
    try {
      await witness.note({ id: meta.id, revision: this.#revision() })
    } catch (error) {
      log.warn({ err: toStoreError(error, path) }, 'the newest revision could not be noted beside the database')
    }
  }

  /** @returns whether there may be more to trim */
  #trim(): boolean {
    const { db, rows, clock, limits, log, path } = this.#parts
    try {
      const upTo = trimOnce(db, rows, this.#revision(), clock.now(), limits)
      if (upTo !== null) this.#compacted = upTo
      return upTo !== null
    } catch (error) {
      log.warn({ err: toStoreError(error, path) }, 'the change log could not be trimmed; trying again later')
      return false
    }
  }
}
