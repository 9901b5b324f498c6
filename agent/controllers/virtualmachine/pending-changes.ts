// Which changes of a running VM's spec wait for its restart.
import type { VirtualMachineSpec } from '../../../schemas/index.ts'
import { compareSpecs, type SpecChange } from '../../../schemas/virtualmachine/changes.ts'
import { withoutSecrets } from './domain-plan.ts'

export type Change = SpecChange

/** Changes from the spec that the domain is made of to the one that is asked for. */
export const pendingChanges = (current: VirtualMachineSpec, wanted: VirtualMachineSpec): readonly Change[] =>
  compareSpecs(current, withoutSecrets(wanted)).filter(({ action }) => action === 'Restart')
