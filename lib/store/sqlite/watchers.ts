// Live watchers: each has a place in the change log and reads on from it when woken; none holds a queue of its own.
import { keyOf, revisionOf } from '../change.ts'
import { type Change, type Revision, StoreError } from '../store.ts'

export interface WatchScope {
  readonly resource: string
  readonly namespace?: string
  readonly after: Revision
}

/** What a watcher reads from. */
export interface ChangeSource {
  /** The newest committed revision. */
  revision(): Revision
  /** Some changes of the resource after `after`, oldest first; empty when there are none. @throws StoreError `expired` */
  read(resource: string, after: Revision): readonly Change[]
  /** Rejects when the store closes. */
  sleep(ms: number): Promise<void>
}

interface Watcher {
  readonly resource: string
  /** Everything up to here was delivered or does not concern this watcher. */
  cursor: Revision
  /** Present while it has read all there was: wakes it. */
  wake: (() => void) | null
  /** It has not read all there is, and is woken for it a little later. */
  isOwed: boolean
}

/** Watchers that go on in one turn of the event loop: each may encode and send, and ten thousand at once would hold up all others. */
const WOKEN_PER_TURN = 100

/** A roused watcher counts as reading at once, so that a later commit does not move its place. */
function rouse(watcher: Watcher): (() => void) | null {
  const { wake } = watcher
  watcher.wake = null
  watcher.isOwed = false
  return wake
}

export class Watchers {
  readonly #source: ChangeSource
  readonly #watchers = new Set<Watcher>()
  /** Roused, and not yet gone on. */
  #woken: (() => void)[] = []
  #closed: StoreError | null = null

  constructor(source: ChangeSource) {
    this.#source = source
  }

  /** Wakes those that wait for one of these changes, and moves the others past them. `withinMs`: they may be woken so much later. */
  committed(changes: readonly Change[], withinMs = 0): void {
    const last = changes.at(-1)
    if (last === undefined) return
    const resources = new Set(changes.map((change) => keyOf(change).resource))
    const owed: Watcher[] = []
    for (const watcher of this.#watchers) {
      if (watcher.wake === null) continue
      if (!resources.has(watcher.resource)) {
        if (!watcher.isOwed) watcher.cursor = revisionOf(last)
      } else if (withinMs === 0) this.#wake(watcher)
      else {
        watcher.isOwed = true
        owed.push(watcher)
      }
    }
    if (owed.length > 0) void this.#wakeLater(owed, withinMs)
  }

  async #wakeLater(owed: readonly Watcher[], ms: number): Promise<void> {
    // A store that closes wakes all of them itself.
    await this.#source.sleep(ms).catch(() => undefined)
    for (const watcher of owed) if (watcher.isOwed) this.#wake(watcher)
  }

  /** The first turn's share goes on at once, the others in the turns that follow. */
  #wake(watcher: Watcher): void {
    const wake = rouse(watcher)
    if (wake === null) return
    if (this.#woken.push(wake) === 1) queueMicrotask(() => this.#goOn())
  }

  #goOn(): void {
    const now = this.#woken.slice(0, WOKEN_PER_TURN)
    this.#woken = this.#woken.slice(WOKEN_PER_TURN)
    for (const wake of now) wake()
    if (this.#woken.length > 0) setImmediate(() => this.#goOn())
  }

  /** Every watch ends with this error. */
  close(reason: StoreError): void {
    this.#closed = reason
    for (const watcher of this.#watchers) this.#wake(watcher)
  }

  /** See {@link import('../store.ts').Store.watch}. */
  async *watch(scope: WatchScope, signal: AbortSignal): AsyncGenerator<Change, void, undefined> {
    if (scope.after > this.#source.revision()) {
      throw new StoreError(
        'expired',
        `revision ${scope.after} is not of this store; list again and watch from the list's revision`,
      )
    }
    const watcher: Watcher = { resource: scope.resource, cursor: scope.after, wake: null, isOwed: false }
    this.#watchers.add(watcher)
    const end = () => rouse(watcher)?.()
    signal.addEventListener('abort', end)
    try {
      while (!signal.aborted) {
        if (this.#closed !== null) throw this.#closed
        const changes = this.#source.read(scope.resource, watcher.cursor)
        if (changes.length === 0) {
          watcher.cursor = this.#source.revision()
          await new Promise<void>((resolve) => {
            watcher.wake = resolve
          })
        }
        for (const change of changes) {
          watcher.cursor = revisionOf(change)
          if (scope.namespace !== undefined && keyOf(change).namespace !== scope.namespace) continue
          yield change
          if (signal.aborted) return
        }
      }
    } finally {
      signal.removeEventListener('abort', end)
      this.#watchers.delete(watcher)
    }
  }
}
