// Images of this host by content: `<dir>/sha256/<digest>` with a sidecar, claims of objects, and garbage collection.
//
// INVARIANTS
// - A file under sha256/ is complete, on disk and never written again.
// - Whoever needs a digest has written that down (a claim here, or a disk's sidecar) inside `hold` or `place`;
//   collection reads these notes and deletes inside the same lock. So a digest in use is never removed.
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, chown, mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { OnFileStep } from '../seams.ts'
import {
  isTemp,
  moveDurably,
  namesIn,
  nullIfMissing,
  readJson,
  removeDurably,
  removeTemps,
  syncFile,
  writeJson,
} from '../storage/files.ts'
import { Mutex } from '../storage/mutex.ts'
import { Confinement, type Room } from './confine.ts'
import { type Claim, decodeClaim, decodeImage, encodeImage, isDigest, isUid, type StoredImage } from './stored.ts'

export interface ContentStoreDeps {
  /** `<stateDir>/images`. */
  readonly dir: string
  /** Digests that disks read through, from their sidecars; asked under the lock. Null when not all are known. */
  readonly diskDigests: () => Promise<Iterable<string> | null>
  readonly onFileStep?: OnFileStep
}

export class ContentStore {
  readonly #deps: ContentStoreDeps
  readonly #lock = new Mutex()
  readonly #confinement: Confinement
  readonly #images = new Map<string, StoredImage>()
  readonly #claims = new Map<string, Claim>()
  #damaged: readonly string[] = []

  constructor(deps: ContentStoreDeps) {
    this.#deps = deps
    this.#confinement = new Confinement(join(deps.dir, 'jail'))
  }

  /** Makes the folders, removes what an earlier life left unfinished, reads the claims. Call once, before all else. */
  async open(): Promise<void> {
    for (const name of ['', 'sha256', 'objects']) await mkdir(this.#path(name), { recursive: true, mode: 0o711 })
    await rm(this.#path('tmp'), { recursive: true, force: true })
    await mkdir(this.#path('tmp'), { mode: 0o700 })
    await removeTemps(this.#path('sha256'))
    await removeTemps(this.#path('objects'))
    const damaged: string[] = []
    for (const name of await namesIn(this.#path('objects'))) {
      const path = this.#path('objects', name)
      try {
        const claim = decodeClaim(await readJson(path))
        if (name !== `${claim.uid}.json`) throw new Error('the sidecar of an object is that of another')
        this.#claims.set(claim.uid, claim)
      } catch {
        damaged.push(path)
      }
    }
    this.#damaged = damaged
  }

  /** Sidecars that can't be read. While there are any, nothing is collected: nobody knows what they hold. */
  get damaged(): readonly string[] {
    return this.#damaged
  }

  /** Lends a confined room under `tmp` and removes it with everything in it, however `use` ends. */
  async withRoom<T>(use: (room: Room) => Promise<T>): Promise<T> {
    const dir = this.#path('tmp', randomBytes(8).toString('hex'))
    try {
      return await use(await this.#confinement.room(dir))
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }

  /** Absolute path of a digest's file. */
  path(digest: string): string {
    if (!isDigest(digest)) throw new Error('not a digest')
    return this.#path('sha256', digest)
  }

  /** What is stored under a digest; null when the file is not there. */
  async get(digest: string): Promise<StoredImage | null> {
    const found = await stat(this.path(digest)).catch(nullIfMissing)
    if (found === null) return null
    const known = this.#images.get(digest)
    if (known !== undefined) return known
    const sidecar = await readJson(`${this.path(digest)}.json`)
    if (sidecar === null) return null
    const image = decodeImage(sidecar)
    this.#images.set(digest, image)
    return image
  }

  /** The claim of an object. */
  claim(uid: string): Claim | null {
    return this.#claims.get(uid) ?? null
  }

  /** All claims, for the check of what has no object. */
  claims(): readonly Claim[] {
    return [...this.#claims.values()]
  }

  /**
   * Takes a finished file (of a room) into the store under its digest, with a claim on it, and leaves nothing behind.
   * The same content twice is stored once.
   */
  async place(file: string, facts: Omit<StoredImage, 'digest' | 'storedSize'>, claim: Omit<Claim, 'digest'>) {
    const digest = await digestOf(file)
    await chown(file, 0, 0)
    await chmod(file, 0o444)
    // Here, not under the lock: a large file takes its time, and afterwards there is nothing left to write.
    await syncFile(file)
    const { size } = await stat(file, { bigint: true })
    return this.#lock.run(async () => {
      const known = await this.get(digest)
      const image = known ?? { ...facts, digest, storedSize: size }
      if (known === null) {
        await writeJson(`${this.path(digest)}.json`, encodeImage(image))
        this.#deps.onFileStep?.('image-described')
        await moveDurably(file, this.path(digest))
        this.#deps.onFileStep?.('image-placed')
        this.#images.set(digest, image)
      }
      // Last: a claim says that the file was here. Cut off before it, the file is garbage to the next life and the import begins anew.
      await this.#writeClaim({ ...claim, digest })
      return image
    })
  }

  /** Runs `note` while the digest can't be collected; `note` must leave a durable note of the use. Null: not stored. */
  hold<T>(digest: string, note: (image: StoredImage) => Promise<T>): Promise<T | null> {
    return this.#lock.run(async () => {
      const image = await this.get(digest)
      return image === null ? null : await note(image)
    })
  }

  /** Gives an object a claim on a digest that is stored. False when it is not. */
  async share(digest: string, claim: Omit<Claim, 'digest'>): Promise<boolean> {
    const shared = await this.hold(digest, async () => {
      await this.#writeClaim({ ...claim, digest })
      return true
    })
    return shared ?? false
  }

  /** Keeps the object in the claim up to date; nothing without a claim. */
  async recordObject(uid: string, object: unknown): Promise<void> {
    const claim = this.#claims.get(uid)
    if (claim === undefined || JSON.stringify(claim.object) === JSON.stringify(object)) return
    await this.#lock.run(() => this.#writeClaim({ ...claim, object }))
  }

  /** Ends an object's claim and removes what nobody needs any more. */
  async release(uid: string): Promise<void> {
    if (!isUid(uid)) throw new Error('not a uid')
    await this.#lock.run(async () => {
      await removeDurably(this.#path('objects', `${uid}.json`))
      this.#claims.delete(uid)
      this.#deps.onFileStep?.('claim-removed')
    })
    await this.collect()
  }

  /** Removes every digest that no claim and no disk names. Returns the digests removed. */
  collect(): Promise<readonly string[]> {
    return this.#lock.run(async () => {
      const bases = await this.#deps.diskDigests()
      if (bases === null || this.#damaged.length > 0) return []
      const needed = new Set(bases)
      for (const { digest } of this.#claims.values()) needed.add(digest)
      const names = await namesIn(this.#path('sha256'))
      const garbage = new Set(names.map((name) => name.replace(/\.json$/, '')).filter((name) => !needed.has(name)))
      for (const digest of garbage) {
        if (!isDigest(digest) || isTemp(digest)) continue
        await removeDurably(this.path(digest))
        this.#deps.onFileStep?.('image-removed')
        await removeDurably(`${this.path(digest)}.json`)
        this.#deps.onFileStep?.('image-forgotten')
        this.#images.delete(digest)
      }
      return [...garbage].filter(isDigest)
    })
  }

  async #writeClaim(claim: Claim): Promise<void> {
    if (!isUid(claim.uid)) throw new Error('not a uid')
    await writeJson(this.#path('objects', `${claim.uid}.json`), claim)
    this.#claims.set(claim.uid, claim)
    this.#deps.onFileStep?.('image-claimed')
  }

  #path(...parts: readonly string[]): string {
    return join(this.#deps.dir, ...parts)
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1_048_576 }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) hash.update(chunk)
  })
  return hash.digest('hex')
}
