// Where a disk goes that no machine takes along. Pure. (A machine that gets its place takes its disks with it.)
import { sizeWords } from '../../../lib/placement/words.ts'
import type { ClusterDiskStatus } from '../../../schemas/index.ts'
import type { ClusterDiskCondition } from './conditions.ts'

export interface DiskSeen {
  readonly placement: ClusterDiskStatus['placement']
  /** Null: the class that it names does not exist, or there is no default. */
  readonly storageClass: { readonly waits: boolean; readonly shared: boolean } | null
  /** `namespace/name` of machines that name it. */
  readonly machines: readonly string[]
  /** Since its creation, in milliseconds. */
  readonly ageMs: number
  /** 0 when the image decides. */
  readonly bytes: bigint
  /** In words, why its host is not heard of; null when it is, or when it has none. */
  readonly silence: string | null
  /** In words, which host knows more of it than this store; null: none. */
  readonly newer: string | null
}

export interface DiskHost {
  readonly name: string
  /** In words, why it is given nothing; null when it may. */
  readonly notReady: string | null
  readonly freeBytes: bigint | null
  /** It has the image that the disk is made from. */
  readonly hasImage: boolean
}

export type DiskAim =
  | { readonly do: 'nothing' }
  | { readonly do: 'place'; readonly node: string }
  /** `againMs`: when to look again; absent when a change wakes it. */
  | { readonly do: 'say'; readonly condition: ClusterDiskCondition; readonly againMs?: number }

/** A disk and its machine are often applied together, the disk first: so long it may be the machine that decides. */
export const GRACE_MS = 10_000
const LOOK_MS = 10_000

export function aimDisk(seen: DiskSeen, hosts: readonly DiskHost[]): DiskAim {
  const { placement, storageClass, machines, ageMs, silence, newer } = seen
  if (newer !== null) return say({ status: 'Unknown', reason: 'StaleEpoch', message: newer })
  if (placement !== undefined)
    return silence === null
      ? { do: 'nothing' }
      : say({ status: 'Unknown', reason: 'NodeStatusUnknown', message: `${placement.node}: ${silence}` })
  if (storageClass === null)
    return say({
      status: 'False',
      reason: 'StorageClassIsNotReady',
      message: 'the StorageClass that it names does not exist, or it names none and none is the default',
    })
  if (machines.length > 0)
    return say({
      status: 'False',
      reason: 'WaitingForFirstConsumer',
      message: `the disk is made where ${machines[0]} gets its place`,
    })
  if (storageClass.waits)
    return say({
      status: 'False',
      reason: 'WaitingForFirstConsumer',
      message: 'the disk is made where the first machine that names it gets its place',
    })
  if (ageMs < GRACE_MS)
    return say(
      { status: 'False', reason: 'ProvisioningNotStarted', message: 'a host is chosen in a moment' },
      GRACE_MS - ageMs,
    )
  return place(seen, hosts)
}

function place({ bytes }: DiskSeen, hosts: readonly DiskHost[]): DiskAim {
  const judged = hosts.map((host) => ({ host, no: host.notReady ?? roomProblem(host, bytes) }))
  const [best] = judged
    .filter(({ no }) => no === null)
    .map(({ host }) => host)
    .sort(compare)
  if (best !== undefined) return { do: 'place', node: best.name }
  const each = judged.map(({ host, no }) => `${host.name}: ${no}`)
  const why = each.length === 0 ? 'the cluster has no host' : each.join('; ')
  return say({ status: 'False', reason: 'ProvisioningNotStarted', message: `no host can take it: ${why}` }, LOOK_MS)
}

/** One that could never be whole is refused. */
function roomProblem({ freeBytes }: DiskHost, bytes: bigint): string | null {
  if (freeBytes === null || bytes <= freeBytes) return null
  return `the disk needs ${sizeWords(Number(bytes))}, ${sizeWords(Number(freeBytes))} are free`
}

/** Where its image is, then where most room is, then by name. */
const compare = (a: DiskHost, b: DiskHost): number =>
  Number(b.hasImage) - Number(a.hasImage) || byRoom(a.freeBytes ?? 0n, b.freeBytes ?? 0n) || (a.name < b.name ? -1 : 1)

const byRoom = (a: bigint, b: bigint): number => (a === b ? 0 : a < b ? 1 : -1)

const say = (
  condition: Omit<ClusterDiskCondition, 'type'> & { readonly message: string },
  againMs?: number,
): DiskAim => ({
  do: 'say',
  condition: { type: 'Ready', ...condition } as ClusterDiskCondition,
  ...(againMs === undefined ? {} : { againMs }),
})
