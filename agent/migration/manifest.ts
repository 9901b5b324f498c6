// What a running machine is made of on this host, for the host that it shall go to: answered from the domain and the sidecars.
import { stat } from 'node:fs/promises'
import { diskOfAlias, observeDomain } from '../../lib/domain/index.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { HandoverManifest, StorageClass } from '../../schemas/index.ts'
import type { DomainRef, LibvirtCalls } from '../controllers/virtualmachine/observe.ts'
import type { ContentStore } from '../images/content-store.ts'
import { STORAGE_CLASSES } from '../names.ts'
import type { DirDriver } from '../storage/dir-driver.ts'
import { fileAt, goAlong, inShared } from './paths.ts'
import type { Luggage } from './source.ts'

export type Manifest = HandoverManifest

export interface ManifestDeps {
  readonly libvirt: LibvirtCalls
  readonly driver: Pick<DirDriver, 'get'>
  readonly content: Pick<ContentStore, 'claim'>
}

/** VIR_DOMAIN_XML_MIGRATABLE; without passwords, of which we have none in a domain. */
const XML_MIGRATABLE = 8
/** Blocks of `stat` are always of 512 bytes. */
const BLOCK = 512

/** @throws LibvirtError when there is no such domain */
export async function manifestOf(deps: ManifestDeps, dom: DomainRef, signal: AbortSignal): Promise<Manifest> {
  const { xml } = await deps.libvirt.call('DomainGetXMLDesc', { dom, flags: XML_MIGRATABLE }, { signal })
  const disks: Manifest['disks'][number][] = []
  const images: Manifest['images'][number][] = []
  for (const { alias, path = '' } of observeDomain(xml).disks) {
    const file = fileAt(path)
    if (file?.kind === 'disk') {
      const record = deps.driver.get(file.uid)
      if (record !== null) disks.push({ uid: file.uid, sizeBytes: String(record.sizeBytes), base: record.base })
    }
    const uid = diskOfAlias(alias)?.uid
    if (file?.kind === 'content' && uid !== undefined)
      images.push({ uid, digest: file.digest, object: deps.content.claim(uid)?.object ?? null })
  }
  return { xml, disks, images }
}

/** The disks that go along, and what is sent in all, at least. */
export const luggageOf =
  ({ libvirt, reader }: { readonly libvirt: LibvirtCalls; readonly reader: Pick<Reader, 'list'> }) =>
  async (_uid: string, dom: DomainRef, signal: AbortSignal): Promise<Luggage> => {
    const { xml } = await libvirt.call('DomainGetXMLDesc', { dom, flags: XML_MIGRATABLE }, { signal })
    const disks = goAlong(xml, inShared(reader.list<StorageClass>(STORAGE_CLASSES)))
    const sizes = await Promise.all(disks.map(({ path = '' }) => stat(path).then(({ blocks }) => blocks * BLOCK)))
    const memory = Number(observeDomain(xml).memoryBytes)
    return { disks: disks.map(({ target }) => target), bytes: sizes.reduce((sum, size) => sum + size, memory) }
  }
