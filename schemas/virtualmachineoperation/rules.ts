// What is wrong with a VirtualMachineOperation beyond its schema.
import { isDeepStrictEqual } from 'node:util'
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, invalid, notBuilt, required, ruleOf, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import type { VirtualMachineOperation, VirtualMachineOperationSpec } from './schema.ts'

type Check = (operation: VirtualMachineOperation, old: VirtualMachineOperation | null) => readonly FieldError[]

/** What was asked for may be under way already: ask again with a new operation. */
export const specIsImmutable: Check = ({ spec }, old) =>
  when(old !== null && !isDeepStrictEqual(spec, old.spec), () => forbidden('spec', 'is immutable'))

export const startIsNotForced: Check = ({ spec }) =>
  when(spec.type === 'Start' && spec.force === true, () =>
    forbidden('spec.force', 'the Start operation cannot be performed forcibly'),
  )

export const restoreHasDetails: Check = ({ spec }) =>
  when(spec.type === 'Restore' && spec.restore === undefined, () =>
    required('spec.restore', 'the type Restore requires the field restore'),
  )

export const cloneHasDetails: Check = ({ spec }) =>
  when(spec.type === 'Clone' && spec.clone === undefined, () =>
    required('spec.clone', 'the type Clone requires the field clone'),
  )

export const migrateBelongsToMigrate: Check = ({ spec }) =>
  when(spec.migrate !== undefined && spec.type !== 'Migrate', () =>
    forbidden('spec.migrate', 'can only be set when spec.type is Migrate'),
  )

/** Without any of them the copy would have the name of the original. */
export const cloneGetsNewNames: Check = ({ spec: { clone } }) =>
  when(
    clone !== undefined &&
      !clone.customization?.namePrefix &&
      !clone.customization?.nameSuffix &&
      !clone.nameReplacement?.length,
    () => required('spec.clone', 'needs customization.namePrefix, customization.nameSuffix or nameReplacement'),
  )

const affix =
  (field: 'namePrefix' | 'nameSuffix'): Check =>
  ({ spec }) => {
    const length = spec.clone?.customization?.[field]?.length
    return when(length !== undefined && (length < 1 || length > 59), () =>
      invalid(`spec.clone.customization.${field}`, 'must have 1 to 59 characters'),
    )
  }

export const namePrefixFits = affix('namePrefix')
export const nameSuffixFits = affix('nameSuffix')

export const replacementsFit: Check = ({ spec }) =>
  (spec.clone?.nameReplacement ?? []).flatMap(({ to }, index) =>
    when(to.length < 1 || to.length > 59, () =>
      invalid(`spec.clone.nameReplacement[${index}].to`, 'must have 1 to 59 characters'),
    ),
  )

const BUILT: readonly VirtualMachineOperationSpec['type'][] = ['Start', 'Stop', 'Restart', 'Migrate', 'Evict']

export const typeIsBuilt: Check = ({ spec }) =>
  when(!BUILT.includes(spec.type), () => notBuilt('spec.type', `the operation ${spec.type}`))

/** Details of another type's work would be ignored. */
export const detailsAreBuilt: Check = ({ spec }) =>
  (['restore', 'clone'] as const).flatMap((field) =>
    when(BUILT.includes(spec.type) && spec[field] !== undefined, () => notBuilt(`spec.${field}`, `the field ${field}`)),
  )

export const VIRTUAL_MACHINE_OPERATION_RULES: readonly Rule[] = [
  specIsImmutable,
  startIsNotForced,
  restoreHasDetails,
  cloneHasDetails,
  migrateBelongsToMigrate,
  cloneGetsNewNames,
  namePrefixFits,
  nameSuffixFits,
  replacementsFit,
  typeIsBuilt,
  detailsAreBuilt,
].map(ruleOf)
