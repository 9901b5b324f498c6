/** What a host has, and what of it guests may have. Pure. */

export interface Amounts {
  /** Kubernetes quantities. */
  readonly cpu: string
  readonly memory: string
}

export interface HostSize {
  /** CPUs that the kernel schedules on. */
  readonly cores: number
  readonly memoryBytes: bigint
}

const KIB = 1024n
const MIB = KIB * 1024n
/** Kept for the host itself: kernel, libvirt, the agent. */
const RESERVED_MIN = 512n * MIB
const RESERVED_PERCENT = 3n
/** A host so small that the reserve would leave nothing still offers half of its memory. */
const RESERVED_MAX_PERCENT = 50n

export function capacityOf({ cores, memoryBytes }: HostSize): Amounts {
  return { cpu: String(cores), memory: toKi(memoryBytes) }
}

/** CPUs times the overcommit factor; memory less a reserve, which is never overcommitted. */
export function allocatableOf(size: HostSize, cpuOvercommit: number): Amounts {
  return { cpu: toCpu(size.cores * cpuOvercommit), memory: toKi(allocatableMemory(size.memoryBytes)) }
}

/** Bytes for machines, of all that the host has; the rest is for the host itself. */
export function allocatableMemory(memoryBytes: bigint): bigint {
  const percent = (share: bigint) => (memoryBytes * share) / 100n
  const wanted = RESERVED_MIN > percent(RESERVED_PERCENT) ? RESERVED_MIN : percent(RESERVED_PERCENT)
  const most = percent(RESERVED_MAX_PERCENT)
  return memoryBytes - (wanted < most ? wanted : most)
}

/** `4`, `1500m`. */
function toCpu(cores: number): string {
  const milli = Math.floor(cores * 1000 + 1e-6)
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`
}

function toKi(bytes: bigint): string {
  return `${bytes / KIB}Ki`
}
