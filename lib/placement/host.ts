// A host with the VMs that have a place on it, and what they take of it.
import { type NodeFacts, roomOn, type VmFacts } from './facts.ts'

/** A VM that has a place. */
export interface Placed {
  readonly vm: VmFacts
  readonly host: Host
}

/** Mutable, and changed by the cluster alone. */
export class Host {
  readonly name: string
  /** Null for a host that is not known (yet, or any more) and still has VMs. */
  facts: NodeFacts | null = null
  /** Its place among the known hosts by name, as the present roster has it; -1 when it has none. */
  slot = -1
  readonly held = new Map<string, Placed>()
  usedMilliCpu = 0
  usedMemoryBytes = 0
  readonly usedDevices = new Map<string, number>()
  /** Promised to disks that are not made there yet, in bytes, by storage class. */
  readonly promisedBytes = new Map<string, number>()
  /** How many VMs there are of each priority. */
  readonly #priorities = new Map<number, number>()

  constructor(name: string) {
    this.name = name
  }

  add(held: Placed): void {
    this.held.set(held.vm.uid, held)
    this.#count(held.vm, 1)
  }

  delete(held: Placed): void {
    this.held.delete(held.vm.uid)
    this.#count(held.vm, -1)
  }

  /** Whether some VM is less important. */
  hasLowerThan(priority: number): boolean {
    for (const each of this.#priorities.keys()) if (each < priority) return true
    return false
  }

  #count({ milliCpu, memoryBytes, devices, disks, priority }: VmFacts, sign: 1 | -1): void {
    add(this.#priorities, priority, sign)
    this.usedMilliCpu += sign * milliCpu
    this.usedMemoryBytes += sign * memoryBytes
    for (const { name, count } of devices) add(this.usedDevices, name, sign * count)
    for (const disk of disks) {
      const bytes = roomOn(disk, this.name)
      if (bytes > 0 && disk.storageClass !== null) add(this.promisedBytes, disk.storageClass, sign * bytes)
    }
  }
}

function add<Name>(sums: Map<Name, number>, name: Name, amount: number): void {
  const sum = (sums.get(name) ?? 0) + amount
  if (sum === 0) sums.delete(name)
  else sums.set(name, sum)
}

/** A host that is known. */
export type KnownHost = Host & { readonly facts: NodeFacts }
