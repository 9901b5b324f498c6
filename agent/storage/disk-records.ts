// The sidecars of all disks of this host, in memory and on disk: `<stateDir>/disks/<uid>.json`.
// A disk in another folder has a second copy beside its file, so that the folder alone tells what is in it.
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type DiskRecord, decodeRecord, encodeRecord } from './disk-record.ts'
import { isTemp, namesIn, readJson, removeDurably, removeTemps, writeJson } from './files.ts'

export class DiskRecords {
  readonly #dir: string
  readonly #records = new Map<string, DiskRecord>()
  #damaged: readonly string[] = []

  /** @param dir `<stateDir>/disks` */
  constructor(dir: string) {
    this.#dir = dir
  }

  /** Reads all sidecars. Call once, before all else. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o711 })
    await removeTemps(this.#dir)
    const damaged: string[] = []
    for (const name of await namesIn(this.#dir)) {
      if (!name.endsWith('.json') || isTemp(name)) continue
      const path = join(this.#dir, name)
      try {
        const record = decodeRecord(await readJson(path))
        if (name !== `${record.uid}.json`) throw new Error('the sidecar of a disk is that of another')
        this.#records.set(record.uid, record)
      } catch {
        damaged.push(path)
      }
    }
    this.#damaged = damaged
  }

  /** Sidecars that can't be read; their disks are left alone until an operator puts them right. */
  get damaged(): readonly string[] {
    return this.#damaged
  }

  get(uid: string): DiskRecord | null {
    return this.#records.get(uid) ?? null
  }

  all(): readonly DiskRecord[] {
    return [...this.#records.values()]
  }

  /** Digests that disks read through; null when not all are known. */
  bases(): readonly string[] | null {
    if (this.#damaged.length > 0) return null
    return this.all().flatMap(({ base }) => (base === null ? [] : [base]))
  }

  /** On disk when this resolves. */
  async put(record: DiskRecord): Promise<void> {
    for (const path of this.#inOrder(record)) await writeJson(path, encodeRecord(record))
    this.#records.set(record.uid, record)
  }

  /**
   * Whoever is killed in between does it again: this host's own sidecar, which it goes by, is first where work begins and last where it is done. A
   * second copy that says less than the own one would be believed by other hosts for good.
   */
  #inOrder(record: DiskRecord): readonly string[] {
    const paths = this.#paths(record)
    switch (record.state) {
      case 'making':
        return paths
      case 'ready':
        return paths.reverse()
      case 'deleting':
        // A folder that is gone must not hold up the deletion of what was in it.
        return paths.slice(0, 1)
    }
  }

  async remove(record: DiskRecord): Promise<void> {
    // The authoritative one last: while it is there, the deletion is known.
    for (const path of this.#paths(record).reverse()) await removeDurably(path)
    this.#records.delete(record.uid)
  }

  /** Takes over a disk that another host made in a folder which both have. Null when there is no whole one. */
  async adopt(uid: string, folder: string): Promise<DiskRecord | null> {
    const record = await wholeIn(folder, uid)
    if (record !== null) await this.put(record)
    return record
  }

  /** Whether the folder says that a disk is whole which this host has only begun to make. @throws when its sidecar there is damaged */
  async isMadeElsewhere({ uid, path, shared, state }: DiskRecord): Promise<boolean> {
    return shared && state === 'making' && (await wholeIn(dirname(path), uid)) !== null
  }

  /** This host has nothing to do with the disk any more; it and its second copy stay for others. */
  async forget({ uid }: DiskRecord): Promise<void> {
    await removeDurably(join(this.#dir, `${uid}.json`))
    this.#records.delete(uid)
  }

  #paths({ uid, path }: DiskRecord): string[] {
    return [...new Set([join(this.#dir, `${uid}.json`), join(dirname(path), `${uid}.json`)])]
  }
}

/** What a shared folder says of a disk; null when there is no whole one. */
async function wholeIn(folder: string, uid: string): Promise<DiskRecord | null> {
  const found = await readJson(join(folder, `${uid}.json`))
  if (found === null) return null
  const record = decodeRecord(found)
  const isIt = record.uid === uid && record.state === 'ready' && record.shared && dirname(record.path) === folder
  return isIt ? record : null
}
