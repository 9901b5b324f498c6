// The newest changes in memory, so that live watchers read neither disk nor JSON. Bounded by count and by bytes.
import { revisionOf } from '../change.ts'
import type { Change, Revision } from '../store.ts'

const MAX_CHANGES = 1_024
const MAX_BYTES = 8 * 1_048_576

interface Kept {
  readonly change: Change
  readonly revision: Revision
  readonly bytes: number
}

export class RecentChanges {
  readonly #kept: Kept[] = []
  #bytes = 0
  /** Every change after this revision is here. */
  #from: Revision

  constructor(from: Revision) {
    this.#from = from
  }

  /** @param bytes length of the change's stored texts */
  push(change: Change, bytes: number): void {
    this.#kept.push({ change, revision: revisionOf(change), bytes })
    this.#bytes += bytes
    while (this.#kept.length > MAX_CHANGES || this.#bytes > MAX_BYTES) {
      const oldest = this.#kept.shift()
      if (oldest === undefined) return
      this.#from = oldest.revision
      this.#bytes -= oldest.bytes
    }
  }

  /** The changes after `revision`, or null when some of them are no longer here. */
  since(revision: Revision): readonly Change[] | null {
    if (revision < this.#from) return null
    let low = 0
    let high = this.#kept.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#kept[middle]?.revision ?? 0n) <= revision) low = middle + 1
      else high = middle
    }
    return this.#kept.slice(low).map(({ change }) => change)
  }
}
