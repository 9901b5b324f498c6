// What a host knows of its objects without a database: libvirt's domains with our metadata, the records beside disks and images. Reads only,
// but for half-made files of an agent that was killed, which every start removes.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import type { DomainView } from '../controllers/virtualmachine/observe.ts'
import { ContentStore } from '../images/content-store.ts'
import type { Claim } from '../images/stored.ts'
import { allDomains, ours } from '../inventory.ts'
import type { DiskRecord } from '../storage/disk-record.ts'
import { DiskRecords } from '../storage/disk-records.ts'

export interface Finds {
  /** Those that carry our metadata, running or not. */
  readonly domains: readonly DomainView[]
  readonly disks: readonly DiskRecord[]
  readonly claims: readonly Claim[]
  /** Digests of stored images. */
  readonly stored: ReadonlySet<string>
  /** Records that cannot be read. */
  readonly damaged: readonly string[]
  /** Of this run of the host. */
  readonly bootId: string
}

/** @throws LibvirtError, or of the file system: half of a host would be taken for all of it */
export async function findAll(stateDir: string, libvirt: LibvirtPool, signal: AbortSignal): Promise<Finds> {
  const domains = ours(await allDomains(libvirt, signal))
  const records = new DiskRecords(join(stateDir, 'disks'))
  await records.open()
  const content = new ContentStore({ dir: join(stateDir, 'images'), diskDigests: async () => null })
  await content.open()
  const digests = [...content.claims().map(({ digest }) => digest), ...records.all().flatMap(({ base }) => base ?? [])]
  const stored = new Set<string>()
  for (const digest of new Set(digests)) {
    const image = await content.get(digest).catch(() => null)
    if (image !== null) stored.add(digest)
  }
  return {
    domains,
    disks: records.all(),
    claims: content.claims(),
    stored,
    damaged: [...records.damaged, ...content.damaged],
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
  }
}
