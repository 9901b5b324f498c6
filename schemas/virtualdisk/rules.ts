// What is wrong with a VirtualDisk beyond its schema.
import { isDeepStrictEqual } from 'node:util'
import { isTrue } from '../../lib/conditions.ts'
import type { FieldError } from '../../lib/errors.ts'
import { quantityProblem, toBytes } from '../../lib/quantity.ts'
import { forbidden, invalid, notBuilt, required, ruleOf, when } from '../errors.ts'
import { sourceProblems } from '../image/source-rules.ts'
import type { Rule } from '../kind.ts'
import type { VirtualDisk } from './schema.ts'

const SIZE = 'spec.persistentVolumeClaim.size'

type Check = (disk: VirtualDisk, old: VirtualDisk | null) => readonly FieldError[]

const sizeOf = ({ spec }: VirtualDisk) => spec.persistentVolumeClaim?.size

/** Bytes of a size that is there and valid. */
const bytesOf = (size: string | number | undefined): bigint | undefined =>
  size === undefined || quantityProblem(size) !== null ? undefined : toBytes(size)

export const sourceIsValid: Check = ({ spec }) => sourceProblems(spec.dataSource)

/** Disks from snapshots come with snapshots. */
export const snapshotSourceIsBuilt: Check = ({ spec }) =>
  when(spec.dataSource?.objectRef?.kind === 'VirtualDiskSnapshot', () =>
    notBuilt('spec.dataSource.objectRef.kind', 'a disk from a VirtualDiskSnapshot'),
  )

/** Nothing else says how large a disk without a source is. */
export const blankDiskHasSize: Check = (disk) =>
  when(disk.spec.dataSource === undefined && sizeOf(disk) === undefined, () =>
    required(SIZE, 'a disk without a data source needs a size'),
  )

export const sizeIsPositive: Check = (disk) => {
  const size = sizeOf(disk)
  if (size === undefined) return []
  const problem = quantityProblem(size)
  if (problem !== null) return [invalid(SIZE, problem)]
  return when(toBytes(size) <= 0n, () => invalid(SIZE, 'must be greater than 0'))
}

/** A ready disk holds a guest's data: its end cannot be cut off. Before that, any size may be asked for. */
export const readyDiskOnlyGrows: Check = (disk, old) => {
  if (old === null || !isReady(old)) return []
  const asked = bytesOf(sizeOf(disk))
  if (asked === undefined) {
    return when(sizeOf(old) !== undefined && sizeOf(disk) === undefined, () =>
      forbidden(SIZE, 'cannot be removed once the disk is ready'),
    )
  }
  const current = [sizeOf(old), old.status?.capacity].map(bytesOf).reduce(larger, undefined)
  return when(current !== undefined && asked < current, () =>
    forbidden(SIZE, `a disk can only grow: ${sizeOf(disk)} is less than ${old.status?.capacity ?? sizeOf(old)}`),
  )
}

const larger = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a

/** DVP lets a ready disk change its size and its storage class only. */
export const sourceIsFrozenWhenReady: Check = (disk, old) =>
  when(old !== null && isReady(old) && !isDeepStrictEqual(disk.spec.dataSource, old.spec.dataSource), () =>
    forbidden('spec.dataSource', 'cannot be changed once the disk is ready'),
  )

/** In DVP this moves the disk while the guest runs. */
export const storageClassChangeIsBuilt: Check = (disk, old) =>
  when(
    old !== null &&
      isReady(old) &&
      disk.spec.persistentVolumeClaim?.storageClassName !== old.spec.persistentVolumeClaim?.storageClassName,
    () => notBuilt('spec.persistentVolumeClaim.storageClassName', 'moving a ready disk to another storage class'),
  )

const READY_PHASES = ['Ready', 'Resizing', 'Migrating', 'Exporting']

const isReady = ({ status }: VirtualDisk): boolean =>
  isTrue(status?.conditions, 'Ready') || READY_PHASES.includes(status?.phase ?? '')

export const VIRTUAL_DISK_RULES: readonly Rule[] = [
  sourceIsValid,
  snapshotSourceIsBuilt,
  blankDiskHasSize,
  sizeIsPositive,
  readyDiskOnlyGrows,
  sourceIsFrozenWhenReady,
  storageClassChangeIsBuilt,
].map(ruleOf)
