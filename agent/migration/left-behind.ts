// Disks that a target made for a machine which then did not come. Pure.
import type { BindingMigrationStatus } from '../../schemas/index.ts'

const CAME: readonly BindingMigrationStatus['phase'][] = ['Committed', 'Cleaned']
const OPEN: readonly BindingMigrationStatus['phase'][] = ['Preparing', 'Prepared', 'Transferring', 'Finishing']

/** uids of disks that are to be removed when nobody asks for the machine here any more. */
export const leftBehind = (record: BindingMigrationStatus | undefined): readonly string[] =>
  record === undefined || CAME.includes(record.phase) ? [] : (record.made ?? [])

/** Of one that was decided, or that the scheduler has taken back: `asked` is false then. */
export const toRemove = (record: BindingMigrationStatus | undefined, asked: boolean): readonly string[] =>
  record !== undefined && asked && OPEN.includes(record.phase) ? [] : leftBehind(record)
