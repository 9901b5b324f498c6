// What there is of a disk: its file, its source, its storage class, its users. Reads only.
import { toBytes } from '../../../lib/quantity.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import {
  type ClusterVirtualImage,
  defaultStorageClass,
  type HostBinding,
  isBound,
  isShared,
  type StorageClass,
  type VirtualDisk,
  type VirtualImage,
  waitsForConsumer,
} from '../../../schemas/index.ts'
import { subjectOf } from '../../cluster/binding-objects.ts'
import type { ContentStore } from '../../images/content-store.ts'
import type { ImportQueue, ImportState } from '../../images/import-queue.ts'
import type { StoredImage } from '../../images/stored.ts'
import { CLUSTER_IMAGES, HOST_BINDINGS, IMAGES, STORAGE_CLASSES } from '../../names.ts'
import type { DirDriver } from '../../storage/dir-driver.ts'
import type { DiskRecord } from '../../storage/disk-record.ts'
import { claimFits, httpSource } from '../virtualimage/observe.ts'
import { deviceKeyOf, usesOf, type VmUse } from './users.ts'

/** Where the content comes from, and whether it is there. */
export type SourceHave =
  | { readonly kind: 'blank' }
  | {
      readonly kind: 'http'
      readonly claim: 'none' | 'fits' | 'other-source'
      readonly image: StoredImage | null
      readonly import: ImportState | null
    }
  | {
      readonly kind: 'image'
      readonly ref: { readonly kind: 'VirtualImage' | 'ClusterVirtualImage'; readonly name: string }
      readonly found: 'missing' | 'not-ready' | 'ready'
      /** Phase of an image that is not ready. */
      readonly phase: string
      readonly uid: string | null
      readonly image: StoredImage | null
    }
  | { readonly kind: 'unknown'; readonly type: string }

export type ClassHave =
  | {
      readonly kind: 'found'
      readonly name: string
      readonly folder: string
      readonly shared: boolean
      readonly waits: boolean
    }
  | { readonly kind: 'missing'; readonly name: string }
  | { readonly kind: 'no-default' }

export interface DiskHave {
  readonly deleting: boolean
  /** A scheduler took it from this host; it lives on elsewhere. */
  readonly released: boolean
  readonly held: { readonly cleanup: boolean; readonly protection: boolean }
  /** The disk's record once it was ready. */
  readonly disk: DiskRecord | null
  /** Whether the file of a ready disk is there. */
  readonly present: boolean
  /**
   * Name of its volume, by its status here or as its last host told its scheduler: the disk was made once. Without a record it is lost then,
   * and is never made anew as if no guest had written to it. Null: it was not made.
   */
  readonly made: string | null
  readonly source: SourceHave
  readonly storageClass: ClassHave
  /** Size asked for; null when the image decides. */
  readonly wantBytes: bigint | null
  readonly users: readonly VmUse[]
}

export interface DiskObserveDeps {
  readonly reader: Reader
  readonly content: ContentStore
  readonly imports: Pick<ImportQueue, 'state'>
  readonly driver: DirDriver
  /** Folder of disks of classes without a path: the agent's state folder. */
  readonly stateDir: string
}

export const DISK_FINALIZERS = {
  cleanup: 'virtualization.deckhouse.io/vd-cleanup',
  protection: 'virtualization.deckhouse.io/vd-protection',
} as const

export async function observeDisk(vd: VirtualDisk, deps: DiskObserveDeps): Promise<DiskHave> {
  const { uid, deletionTimestamp, finalizers = [] } = vd.metadata
  const disk = deps.driver.get(uid)
  const binding = bindingOf(deps.reader, uid)
  const size = vd.spec.persistentVolumeClaim?.size
  return {
    deleting: deletionTimestamp !== undefined,
    released: binding?.spec.role === 'Released',
    held: {
      cleanup: finalizers.includes(DISK_FINALIZERS.cleanup),
      protection: finalizers.includes(DISK_FINALIZERS.protection),
    },
    disk,
    present: disk !== null && (await deps.driver.present(disk)),
    made: volumeOf(vd) ?? volumeOf(binding === null ? null : subjectOf<VirtualDisk>(binding)),
    source: await observeSource(vd, deps),
    storageClass: observeClass(vd, deps),
    wantBytes: size === undefined ? null : toBytes(size),
    users: usesOf(deps.reader, deviceKeyOf(vd)),
  }
}

const volumeOf = (vd: VirtualDisk | null): string | null => vd?.status?.target?.persistentVolumeClaimName ?? null

/** A binding has the uid of its object as name. */
const bindingOf = (reader: Reader, uid: string): HostBinding | null =>
  reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })

async function observeSource(vd: VirtualDisk, deps: DiskObserveDeps): Promise<SourceHave> {
  const { dataSource } = vd.spec
  if (dataSource === undefined) return { kind: 'blank' }
  const http = httpSource(vd.spec)
  const { uid } = vd.metadata
  if (http !== null) {
    const claim = deps.content.claim(uid)
    const fits = claim !== null && claimFits(claim, http)
    return {
      kind: 'http',
      claim: claim === null ? 'none' : fits ? 'fits' : 'other-source',
      image: fits ? await deps.content.get(claim.digest) : null,
      import: deps.imports.state(uid),
    }
  }
  const { objectRef, type } = dataSource
  if (type === 'ObjectRef' && objectRef !== undefined && objectRef.kind !== 'VirtualDiskSnapshot') {
    return await observeImageRef(vd, { kind: objectRef.kind, name: objectRef.name }, deps)
  }
  return { kind: 'unknown', type: type ?? 'none' }
}

async function observeImageRef(
  vd: VirtualDisk,
  ref: { readonly kind: 'VirtualImage' | 'ClusterVirtualImage'; readonly name: string },
  { reader, content }: DiskObserveDeps,
): Promise<SourceHave> {
  const [resource, namespace] =
    ref.kind === 'VirtualImage' ? [IMAGES, vd.metadata.namespace ?? ''] : [CLUSTER_IMAGES, '']
  const object = reader.get<VirtualImage | ClusterVirtualImage>(resource, { namespace, name: ref.name })
  if (object === null) return { kind: 'image', ref, found: 'missing', phase: '', uid: null, image: null }
  const { uid, deletionTimestamp } = object.metadata
  const phase = deletionTimestamp === undefined ? (object.status?.phase ?? 'Pending') : 'Terminating'
  const claim = content.claim(uid)
  const image = phase === 'Ready' && claim !== null ? await content.get(claim.digest) : null
  return { kind: 'image', ref, found: image === null ? 'not-ready' : 'ready', phase, uid, image }
}

function observeClass(vd: VirtualDisk, { reader, stateDir }: DiskObserveDeps): ClassHave {
  const named = vd.spec.persistentVolumeClaim?.storageClassName
  const found = named
    ? reader.get<StorageClass>(STORAGE_CLASSES, { namespace: '', name: named })
    : defaultStorageClass(reader.list<StorageClass>(STORAGE_CLASSES))
  if (found === null) return named ? { kind: 'missing', name: named } : { kind: 'no-default' }
  return {
    kind: 'found',
    name: found.metadata.name,
    folder: found.parameters?.path ?? stateDir,
    shared: isShared(found),
    // A scheduler has chosen this host already.
    waits: waitsForConsumer(found) && !isBound(vd),
  }
}
