// Whether this host's database is an older copy. What it says of a scheduler's machines may be over then: another host may have them. Until the
// scheduler has said of each that it is still here, none of them is started. The store's id is kept beside the database to tell.
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readIfThere, writeAtomically } from '../../lib/files.ts'

/** Below the state folder. */
const FILE = join('cluster', 'store-id')

export class RestoredMemory {
  readonly #path: string
  readonly #storeId: string
  #suspect: boolean

  private constructor(path: string, storeId: string, suspect: boolean) {
    this.#path = path
    this.#storeId = storeId
    this.#suspect = suspect
  }

  static async open(stateDir: string, storeId: string): Promise<RestoredMemory> {
    const path = join(stateDir, FILE)
    const known = (await readIfThere(path))?.trim() ?? ''
    const memory = new RestoredMemory(path, storeId, known !== '' && known !== storeId)
    if (known === '') await memory.#write()
    return memory
  }

  /** The database is another one than at the last time that everything in it was known to hold. */
  get suspect(): boolean {
    return this.#suspect
  }

  /** The scheduler has said of all machines here that they are. */
  async settle(): Promise<void> {
    if (!this.#suspect) return
    await this.#write()
    this.#suspect = false
  }

  async #write(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    await writeAtomically(this.#path, `${this.#storeId}\n`, 0o600)
  }
}
