// What the running VMs of this host hold: CPU, memory, writable disk files. Admission is one synchronous check-and-reserve,
// so that two VMs that start at the same moment cannot both take the last core or the same disk.

/** What one VM holds while it runs (or is being started). */
export interface Holding {
  /** `namespace/name`, for messages. */
  readonly vm: string
  /** cores × coreFraction, in thousandths of a core. */
  readonly milliCores: number
  /** Guest memory with QEMU's overhead. */
  readonly memoryBytes: bigint
  /** Absolute paths of disks that the guest may write. */
  readonly disks: readonly string[]
}

export interface Limits {
  /** Host cores × overcommit, in thousandths. */
  readonly milliCores: number
  readonly memoryBytes: bigint
}

export class Ledger {
  readonly #limits: Limits
  readonly #promised: () => ReadonlyMap<string, Holding>
  readonly #held = new Map<string, Holding>()

  /** `promised`: by uid, what a VM shall find when it starts, whether it holds it yet or not. */
  constructor(limits: Limits, promised: () => ReadonlyMap<string, Holding> = () => new Map()) {
    this.#limits = limits
    this.#promised = promised
  }

  /** In words and numbers, why there is no room for that VM beside all others; null when there is. Reserves nothing. */
  refusal(uid: string, ask: Holding): string | null {
    return this.#refusal(ask, this.#others(uid))
  }

  /** What the VM holds now; null when nothing. */
  heldBy(uid: string): Holding | null {
    return this.#held.get(uid) ?? null
  }

  /** Reserves for the VM, replacing what it held, or says in words and numbers why not (and reserves nothing). */
  admit(uid: string, ask: Holding): string | null {
    const refusal = this.#refusal(ask, this.#others(uid))
    if (refusal === null) this.#held.set(uid, ask)
    return refusal
  }

  /** Records what a domain that runs already holds; never refused, it is a fact. */
  record(uid: string, holding: Holding): void {
    this.#held.set(uid, holding)
  }

  /**
   * Reserves one more disk for a VM that holds already, or gives the VM (`namespace/name`) that holds it (and reserves nothing).
   * It counts until the VM's holding is recorded anew without it.
   */
  claimDisk(uid: string, path: string): string | null {
    const holder = this.diskHolder(path, uid)
    const mine = this.#held.get(uid)
    if (holder === null && mine !== undefined && !mine.disks.includes(path))
      this.#held.set(uid, { ...mine, disks: [...mine.disks, path] })
    return holder
  }

  release(uid: string): void {
    this.#held.delete(uid)
  }

  /** The VM (`namespace/name`) that writes to this file, when it is not `exceptUid`. */
  diskHolder(path: string, exceptUid: string): string | null {
    for (const [uid, holding] of this.#held) if (uid !== exceptUid && holding.disks.includes(path)) return holding.vm
    return null
  }

  get limits(): Limits {
    return this.#limits
  }

  /** Sums of what is held or promised. */
  used(): { readonly milliCores: number; readonly memoryBytes: bigint } {
    let milliCores = 0
    let memoryBytes = 0n
    for (const holding of this.#others(null)) {
      milliCores += holding.milliCores
      memoryBytes += holding.memoryBytes
    }
    return { milliCores, memoryBytes }
  }

  /** Each VM counts once, with the more of what it holds and what it was promised. */
  #others(uid: string | null): readonly Holding[] {
    const all = new Map(this.#held)
    for (const [holder, promise] of this.#promised()) {
      const held = all.get(holder)
      all.set(holder, held === undefined ? promise : greater(held, promise))
    }
    if (uid !== null) all.delete(uid)
    return [...all.values()]
  }

  #refusal(ask: Holding, others: readonly Holding[]): string | null {
    for (const disk of ask.disks) {
      const holder = others.find((other) => other.disks.includes(disk))
      if (holder) return `a disk is in use by the virtual machine ${holder.vm}`
    }
    const cores = others.reduce((sum, other) => sum + other.milliCores, 0)
    if (cores + ask.milliCores > this.#limits.milliCores)
      return `needs ${inCores(ask.milliCores)} cores, ${inCores(Math.max(0, this.#limits.milliCores - cores))} of ${inCores(this.#limits.milliCores)} are free`
    const memory = others.reduce((sum, other) => sum + other.memoryBytes, 0n)
    if (memory + ask.memoryBytes > this.#limits.memoryBytes)
      return `needs ${inMiB(ask.memoryBytes)} MiB of memory, ${inMiB(max0(this.#limits.memoryBytes - memory))} MiB of ${inMiB(this.#limits.memoryBytes)} MiB are free`
    return null
  }
}

const greater = (held: Holding, promise: Holding): Holding => ({
  ...held,
  milliCores: Math.max(held.milliCores, promise.milliCores),
  memoryBytes: held.memoryBytes > promise.memoryBytes ? held.memoryBytes : promise.memoryBytes,
})

const inCores = (milli: number): string => String(Math.round(milli) / 1000)
const inMiB = (bytes: bigint): string => String(bytes / 1_048_576n)
const max0 = (value: bigint): bigint => (value < 0n ? 0n : value)
