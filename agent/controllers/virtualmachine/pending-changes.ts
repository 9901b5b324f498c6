// Which changes of a running VM's spec wait for its restart.
import type { VirtualMachineSpec } from '../../../schemas/index.ts'
import { compareSpecs, type SpecChange } from '../../../schemas/virtualmachine/changes.ts'
import { withoutSecrets } from './domain-plan.ts'

export type Change = SpecChange

/**
 * Block devices that DVP attaches to a running VM. Berth has no hot-plug yet, so they wait for the restart as well,
 * and say so, rather than being accepted and forgotten.
 */
const WITHOUT_HOTPLUG = ['blockDeviceRefs'] as const

/** Changes from the spec that the domain was made from to the one that is asked for. */
export function pendingChanges(applied: VirtualMachineSpec, wanted: VirtualMachineSpec): readonly Change[] {
  const changes = compareSpecs(applied, withoutSecrets(wanted), { withoutHotplug: WITHOUT_HOTPLUG })
  return changes.filter(({ action }) => action === 'Restart')
}
