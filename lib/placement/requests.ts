// What a VM takes of its host: the formulas of CPU and memory, in one place for admission, placement and status.
import type { VirtualMachineSpec } from '../../schemas/index.ts'
import { toBytes } from '../quantity.ts'

/** Host memory that QEMU takes beside the guest's: a base, and 8 MiB per core as DVP counts. */
const OVERHEAD_BASE = 96n * 1_048_576n
const OVERHEAD_PER_CORE = 8n * 1_048_576n

type Sized = Pick<VirtualMachineSpec, 'cpu' | 'memory'>

/** `80%` -> 80; DVP's default is 100. */
export const fractionOf = (spec: Pick<Sized, 'cpu'>): number => Number.parseInt(spec.cpu.coreFraction ?? '100%', 10)

/** Thousandths of a core that the VM is guaranteed. */
export const milliCoresOf = (spec: Pick<Sized, 'cpu'>): number => spec.cpu.cores * fractionOf(spec) * 10

/** Windows 11 does not install without one. */
export const needsTpm = ({ osType }: Pick<VirtualMachineSpec, 'osType'>): boolean => osType === 'Windows'

/** Bytes of host memory that QEMU takes beside the guest's. */
export const overheadOf = (spec: Pick<Sized, 'cpu'>): bigint =>
  OVERHEAD_BASE + OVERHEAD_PER_CORE * BigInt(spec.cpu.cores)

/** Of the guest, in bytes. @throws QuantityError */
export const memoryOf = (spec: Pick<Sized, 'memory'>): bigint => toBytes(spec.memory.size)

/** Of the guest with QEMU's overhead: what the host must have. @throws QuantityError */
export const hostMemoryOf = (spec: Sized): bigint => memoryOf(spec) + overheadOf(spec)
