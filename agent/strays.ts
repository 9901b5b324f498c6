// Machines and files of Berth that no object stands for: an older copy of the database was restored, or it was lost. Only named, never touched.
import type { Reader } from '../lib/reconcile/reader.ts'
import type { DomainView } from './controllers/virtualmachine/observe.ts'
import { ours } from './inventory.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, VMS } from './names.ts'

export interface StrayDeps {
  readonly reader: Pick<Reader, 'list'>
  /** Files of disks and images whose uid is not among these. */
  readonly files: (known: ReadonlySet<string>) => readonly string[]
}

/** uids of all objects of these kinds. */
export const uidsOf = (reader: Pick<Reader, 'list'>, ...resources: readonly string[]): ReadonlySet<string> =>
  new Set(resources.flatMap((resource) => reader.list(resource).map(({ metadata }) => metadata.uid)))

/**
 * In words, one each.
 * @param domains all of the host, looked at before: a machine that came meanwhile is known
 */
export function findStrays(domains: readonly DomainView[], { reader, files }: StrayDeps): readonly string[] {
  const known = uidsOf(reader, VMS)
  const machines = ours(domains).filter(({ observed }) => !known.has(observed.uuid))
  return [
    ...machines.map(({ observed, state }) => `the domain ${observed.name} (${observed.uuid}, ${state})`),
    ...files(uidsOf(reader, DISKS, IMAGES, CLUSTER_IMAGES)),
  ]
}
