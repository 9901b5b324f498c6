// Once at start: ends deletions that were decided, removes what never became a disk, and reports what has no object.
// A file that may hold data and has no object is kept: a lost database must not cost the disks as well.
import { dirname, join } from 'node:path'
import type { ContentStore } from '../images/content-store.ts'
import type { DirDriver } from './dir-driver.ts'
import type { DiskRecords } from './disk-records.ts'
import { namesIn, removeTemps, removeTempsOf } from './files.ts'

export interface SweepDeps {
  readonly content: ContentStore
  readonly records: DiskRecords
  readonly driver: DirDriver
  /** `<stateDir>` and the folders of all storage classes. */
  readonly folders: readonly string[]
  /** Uids of all disks and images that the store has. */
  readonly known: ReadonlySet<string>
}

export interface SweepReport {
  /** Removed: unfinished disks without object, and disks whose deletion had begun. */
  readonly removedDisks: readonly string[]
  /** Removed digests that nobody needs. */
  readonly removedImages: readonly string[]
  /** Kept: paths of disks and images without object. */
  readonly orphans: readonly string[]
  /** Kept: sidecars that can't be read. */
  readonly damaged: readonly string[]
}

export async function sweep({ content, records, driver, folders, known }: SweepDeps): Promise<SweepReport> {
  const removedDisks: string[] = []
  for (const [folder, uids] of shared(records)) await removeTempsOf(folder, uids)
  for (const record of records.all()) {
    const unfinished = record.state === 'making' && !known.has(record.uid)
    if (record.state !== 'deleting' && !unfinished) continue
    if (await records.isMadeElsewhere(record)) {
      await driver.forget(record.uid)
      continue
    }
    await driver.remove(record.uid)
    removedDisks.push(record.path)
  }
  const orphans = [...strayFiles({ content, records, known })]
  for (const folder of new Set(folders.map((each) => join(each, 'disks')))) {
    await removeTemps(folder)
    const recorded = new Set(records.all().map(({ path }) => path))
    const files = (await namesIn(folder)).filter((name) => name.endsWith('.qcow2')).map((name) => join(folder, name))
    orphans.push(...files.filter((path) => !recorded.has(path)))
  }
  return {
    removedDisks,
    removedImages: await content.collect(),
    orphans: [...new Set(orphans)].sort(),
    damaged: [...records.damaged, ...content.damaged],
  }
}

/** By folder: uids of disks where other hosts have theirs. */
function shared(records: DiskRecords): ReadonlyMap<string, ReadonlySet<string>> {
  const folders = new Map<string, Set<string>>()
  for (const { uid, path } of records.all().filter((record) => record.shared)) {
    const folder = dirname(path)
    folders.set(folder, (folders.get(folder) ?? new Set()).add(uid))
  }
  return folders
}

/** Files of disks and images that have a record and no object. */
export function strayFiles({ content, records, known }: Pick<SweepDeps, 'content' | 'records' | 'known'>): string[] {
  const disks = records.all().filter(({ uid }) => !known.has(uid))
  const claims = content.claims().filter(({ uid }) => !known.has(uid) && records.get(uid) === null)
  return [...disks.map(({ path }) => path), ...claims.map(({ digest }) => content.path(digest))]
}
