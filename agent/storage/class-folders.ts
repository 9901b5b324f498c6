// The storage classes of this host, as it tells them in its Node: whether their folders can hold disks, with how much room, and which folder of
// that name a shared one is. Classes are those that are here and those that the scheduler has told of; looked at every half minute.
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import { Controller, type ControllerObserver } from '../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { DONE, type Outcome } from '../../lib/reconcile/types.ts'
import { isBound, type NodeClass, type StorageClass, type ToldClass, toldClass } from '../../schemas/index.ts'
import { STORAGE_CLASSES } from '../names.ts'

/** What is found in a folder. */
export interface FolderRoom {
  readonly freeBytes: bigint
  readonly totalBytes: bigint
  /** Of a shared one. */
  readonly mark: string | null
}

export interface ClassFoldersDeps {
  readonly reader: Pick<Reader, 'list'>
  /** Classes that the scheduler has; none on a host without one. */
  readonly told: () => readonly ToldClass[]
  /** Folder of classes without a path. */
  readonly stateDir: string
  /** @throws Error, in words, when the folder cannot hold disks */
  readonly look: (folder: string, shared: boolean) => Promise<FolderRoom>
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

const LOOK_EVERY_MS = 30_000
/** A file system that is away may never answer. */
const LOOK_MS = 10_000
/** Room that comes and goes is told when it is more than this, or more than a hundredth of all. */
const STEP_BYTES = 256n * 1024n * 1024n
const STEP_SHARE = 100n
/** The one key of the controller. */
export const FOLDERS_KEY = 'all'

type Wanted = ToldClass & { readonly conflict: string | null }

export class ClassFolders {
  readonly controller: Controller
  readonly #deps: ClassFoldersDeps
  readonly #listeners = new Set<() => void>()
  /** Looks that have not answered yet: none is begun beside one. */
  readonly #under = new Map<string, Promise<FolderRoom>>()
  #found: readonly NodeClass[] | null = null

  constructor(deps: ClassFoldersDeps) {
    this.#deps = deps
    const { clock, log, observer } = deps
    this.controller = new Controller({
      name: 'storagefolders',
      reconciler: { reconcile: () => this.#pass() },
      clock,
      log,
      resyncMs: LOOK_EVERY_MS,
      keys: () => [FOLDERS_KEY],
      ...(observer === undefined ? {} : { observer }),
    })
  }

  /** Null before the first look. */
  get found(): readonly NodeClass[] | null {
    return this.#found
  }

  /** Another class, or another word of the scheduler. */
  wake(): void {
    this.controller.enqueue(FOLDERS_KEY)
  }

  /** Called when there is news. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async #pass(): Promise<Outcome> {
    const before = this.#found
    const found = await Promise.all(this.#wanted().map((wanted) => this.#lookAt(wanted)))
    if (before !== null && !isNews(before, found)) return DONE
    this.#found = found
    for (const listener of this.#listeners) listener()
    return DONE
  }

  #wanted(): readonly Wanted[] {
    const { reader, told } = this.#deps
    const wanted = new Map(told().map((each): [string, Wanted] => [each.name, { ...each, conflict: null }]))
    const scheduled = new Map(told().map((each) => [each.name, each]))
    for (const storageClass of reader.list<StorageClass>(STORAGE_CLASSES)) {
      const own = toldClass(storageClass)
      const meant = scheduled.get(own.name)
      if (meant === undefined) wanted.set(own.name, { ...own, conflict: null })
      else if (!isBound(storageClass) && !isDeepStrictEqual(meant, own))
        wanted.set(own.name, {
          ...meant,
          conflict: `the host has a StorageClass of that name of its own, with another folder (${own.path ?? 'its state folder'})`,
        })
    }
    return [...wanted.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async #lookAt({ name, path, shared, conflict }: Wanted): Promise<NodeClass> {
    const none = { name, freeBytes: 0n, totalBytes: 0n, folder: null }
    if (conflict !== null) return { ...none, problem: conflict }
    const folder = path ?? this.#deps.stateDir
    try {
      const { freeBytes, totalBytes, mark } = await this.#inTime(folder, shared)
      return { name, problem: null, freeBytes, totalBytes, folder: mark }
    } catch (error) {
      return { ...none, problem: `the folder ${folder} can't hold disks: ${messageOf(error)}` }
    }
  }

  async #inTime(folder: string, shared: boolean): Promise<FolderRoom> {
    const { look, clock } = this.#deps
    const key = `${shared} ${folder}`
    const under =
      this.#under.get(key) ??
      look(folder, shared).finally(() => {
        this.#under.delete(key)
      })
    this.#under.set(key, under)
    const over = new AbortController()
    const late = clock.sleep(LOOK_MS, over.signal).then(() => {
      throw new Error(`it has not answered for ${LOOK_MS / 1000} s`)
    })
    late.catch(() => undefined)
    under.catch(() => undefined)
    try {
      return await Promise.race([under, late])
    } finally {
      over.abort()
    }
  }
}

function isNews(before: readonly NodeClass[], found: readonly NodeClass[]): boolean {
  const fixed = (classes: readonly NodeClass[]) => classes.map(({ freeBytes: _, ...rest }) => rest)
  if (!isDeepStrictEqual(fixed(before), fixed(found))) return true
  return found.some(({ freeBytes, totalBytes }, index) => {
    const change = freeBytes - (before[index]?.freeBytes ?? 0n)
    const size = change < 0n ? -change : change
    return size > STEP_BYTES || size > totalBytes / STEP_SHARE
  })
}
