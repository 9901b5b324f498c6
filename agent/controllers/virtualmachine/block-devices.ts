// The disks and images that a VM names or has, with the files behind them, and in words what is missing. Reads only.
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { ClusterVirtualImage, VirtualDisk, VirtualImage, VirtualMachine } from '../../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES } from '../../names.ts'
import type { Volume, Volumes } from '../../storage/volumes.ts'
import type { Device } from './domain-plan.ts'

export type BlockDeviceRef = VirtualMachine['spec']['blockDeviceRefs'][number]

/** A disk or an image whose object is there, ready or not. */
export interface KnownDevice {
  readonly kind: Device['kind']
  readonly name: string
  readonly uid: string
  /** Null while it has no file on this host. */
  readonly sizeBytes: bigint | null
}

export interface BlockDevices {
  /** Those of the spec that can be attached, in its order. */
  readonly ready: readonly Device[]
  /** Those of the spec and those that the domain has. */
  readonly known: readonly KnownDevice[]
  /** Why the others of the spec cannot; null when all can. */
  readonly problem: string | null
}

export interface BlockDeviceDeps {
  readonly reader: Pick<Reader, 'get' | 'list'>
  readonly volumes: Volumes
  /** `namespace/name` of another VM that writes to the file now. */
  readonly diskHolder: (path: string, exceptUid: string) => string | null
}

/** What a block device is called in sentences. */
export const labelOf = ({ kind, name }: Pick<BlockDeviceRef, 'kind' | 'name'>): string => `${kind} ${name}`

/** `attached`: uids of the disks and images that the domain has now, whatever the spec says. */
export async function resolveBlockDevices(
  vm: VirtualMachine,
  attached: readonly string[],
  deps: BlockDeviceDeps,
): Promise<BlockDevices> {
  const resolved = await Promise.all((vm.spec.blockDeviceRefs ?? []).map((ref) => resolve(vm, ref, deps)))
  const named = resolved.flatMap(({ known }) => known ?? [])
  const unnamed = attached.filter((uid) => !named.some((device) => device.uid === uid))
  const others = await Promise.all(unnamed.map((uid) => knownByUid(vm, uid, deps)))
  const problems = resolved.flatMap(({ problem }) => problem ?? [])
  return {
    ready: resolved.flatMap(({ device }) => device ?? []),
    known: [...named, ...others.flatMap((device) => device ?? [])],
    problem: problems.length === 0 ? null : problems.join('; '),
  }
}

type Source = VirtualDisk | VirtualImage | ClusterVirtualImage

interface Resolved {
  readonly known: KnownDevice | null
  readonly device: Device | null
  readonly problem: string | null
}

const RESOURCES = { VirtualDisk: DISKS, VirtualImage: IMAGES, ClusterVirtualImage: CLUSTER_IMAGES } as const

async function resolve(vm: VirtualMachine, ref: BlockDeviceRef, deps: BlockDeviceDeps): Promise<Resolved> {
  const { kind, name, bootOrder } = ref
  if (kind === undefined || name === undefined)
    return { known: null, device: null, problem: 'a block device names no kind or no object' }
  const namespace = kind === 'ClusterVirtualImage' ? '' : (vm.metadata.namespace ?? '')
  const object = deps.reader.get<Source>(RESOURCES[kind], { namespace, name })
  if (object === null) return { known: null, device: null, problem: `${labelOf(ref)} does not exist` }
  const { uid } = object.metadata
  const volume = await volumeOf(kind, uid, deps)
  const known = { kind, name, uid, sizeBytes: volume?.sizeBytes ?? null }
  if (volume === null || unreadiness(object) !== null)
    return { known, device: null, problem: `${labelOf(ref)} ${unreadiness(object) ?? 'has no file on this host'}` }
  const holder = volume.readonly ? null : deps.diskHolder(volume.path, vm.metadata.uid)
  if (holder !== null)
    return { known, device: null, problem: `${labelOf(ref)} is in use by the virtual machine ${holder}` }
  return {
    known,
    device: { kind, name, uid, volume, ...(bootOrder === undefined ? {} : { bootOrder }) },
    problem: null,
  }
}

/** In words, why the object cannot be attached; null when it can. */
function unreadiness({ metadata, status }: Source): string | null {
  if (metadata.deletionTimestamp !== undefined) return 'is being deleted'
  const phase = status?.phase ?? 'Pending'
  if (phase === 'Ready' || phase === 'Resizing') return null
  return `is ${phase}${status?.progress ? ` (${status.progress})` : ''}`
}

/** A domain names its devices by uid alone. Seldom needed: for what the spec no longer names. */
async function knownByUid(vm: VirtualMachine, uid: string, deps: BlockDeviceDeps): Promise<KnownDevice | null> {
  const kinds = ['VirtualDisk', 'VirtualImage', 'ClusterVirtualImage'] as const
  for (const kind of kinds) {
    const namespace = kind === 'ClusterVirtualImage' ? undefined : vm.metadata.namespace
    const object = deps.reader.list(RESOURCES[kind], namespace).find(({ metadata }) => metadata.uid === uid)
    if (object === undefined) continue
    return { kind, name: object.metadata.name, uid, sizeBytes: (await volumeOf(kind, uid, deps))?.sizeBytes ?? null }
  }
  return null
}

const volumeOf = (kind: KnownDevice['kind'], uid: string, { volumes }: BlockDeviceDeps): Promise<Volume | null> =>
  kind === 'VirtualDisk' ? volumes.disk(uid) : volumes.image(uid)
