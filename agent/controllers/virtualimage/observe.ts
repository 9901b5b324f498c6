// What there is of an image: its claim, its file, its import, its users. Reads only.
import { isDeepStrictEqual } from 'node:util'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { ClusterVirtualImage, HostBinding, VirtualDisk, VirtualImage } from '../../../schemas/index.ts'
import type { ContentStore } from '../../images/content-store.ts'
import type { ImportQueue, ImportState } from '../../images/import-queue.ts'
import type { HttpSource, PeerContent } from '../../images/importer.ts'
import type { Claim, StoredImage } from '../../images/stored.ts'
import { HOST_BINDINGS } from '../../names.ts'
import type { DirDriver } from '../../storage/dir-driver.ts'
import { DISKS_BY_IMAGE, deviceKeyOf, usesOf } from '../virtualdisk/users.ts'

export type AnyImage = VirtualImage | ClusterVirtualImage

export interface ImageHave {
  readonly deleting: boolean
  readonly held: { readonly cleanup: boolean; readonly protection: boolean }
  /** Was it imported from the source that the spec names? */
  readonly claim: 'none' | 'fits' | 'other-source'
  /** The file of a claim that fits; null when there is none or it is gone. */
  readonly image: StoredImage | null
  readonly import: ImportState | null
  /** Where the scheduler says that the content can be had; null: from the image's own source. */
  readonly content: PeerContent | null
  /** `namespace/name` of VMs that have it and of disks that read through it. */
  readonly users: { readonly vms: readonly string[]; readonly disks: readonly string[] }
}

export interface ImageObserveDeps {
  readonly reader: Reader
  readonly content: ContentStore
  readonly imports: Pick<ImportQueue, 'state'>
  readonly driver: Pick<DirDriver, 'get'>
}

/** The HTTP source of a spec; null for another type of source. */
export const httpSource = (spec: Pick<AnyImage['spec'], 'dataSource'> | VirtualDisk['spec']): HttpSource | null => {
  const { type, http } = spec.dataSource ?? {}
  if (type !== 'HTTP' || http === undefined) return null
  const { url, caBundle, checksum } = http
  return { url, ...(caBundle ? { caBundle } : {}), ...(checksum === undefined ? {} : { checksum }) }
}

/** Whether a claim was made for this source. */
export function claimFits(claim: Claim, source: HttpSource | null): boolean {
  const recorded = (claim.object as Partial<AnyImage> | null)?.spec
  return recorded !== undefined && isDeepStrictEqual(httpSource(recorded), source)
}

export async function observeImage(
  image: AnyImage,
  finalizers: { readonly cleanup: string; readonly protection: string },
  deps: ImageObserveDeps,
): Promise<ImageHave> {
  const { uid, deletionTimestamp, finalizers: held = [] } = image.metadata
  const claim = deps.content.claim(uid)
  const fits = claim !== null && claimFits(claim, httpSource(image.spec))
  const key = deviceKeyOf(image)
  return {
    deleting: deletionTimestamp !== undefined,
    held: { cleanup: held.includes(finalizers.cleanup), protection: held.includes(finalizers.protection) },
    claim: claim === null ? 'none' : fits ? 'fits' : 'other-source',
    image: fits ? await deps.content.get(claim.digest) : null,
    import: deps.imports.state(uid),
    content: contentOf(deps.reader, uid),
    users: {
      vms: usesOf(deps.reader, key).flatMap(({ namespace, name, holds }) => (holds ? [`${namespace}/${name}`] : [])),
      disks: claim === null ? [] : disksOn(key, claim.digest, deps),
    },
  }
}

/** A binding has the uid of its object as name. */
const contentOf = (reader: Reader, uid: string): PeerContent | null =>
  reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })?.spec.image ?? null

function disksOn(key: string, digest: string, { reader, driver }: ImageObserveDeps): readonly string[] {
  return reader
    .byIndex<VirtualDisk>(DISKS_BY_IMAGE, key)
    .filter(({ metadata }) => driver.get(metadata.uid)?.base === digest)
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
}
