// Which changes of a running VM's spec wait for its restart.
import type { VirtualMachineSpec } from '../../../schemas/index.ts'
import { changesOf } from '../../../schemas/index.ts'
import { withoutSecrets } from './domain-plan.ts'

export interface Change {
  /** DVP's path below `spec`: `cpu.cores`. */
  readonly path: string
  readonly operation: string
  readonly currentValue?: unknown
  readonly desiredValue?: unknown
}

/**
 * Paths that DVP applies to a running VM by hot-plug. Berth has no hot-plug yet, so they wait for the restart as well,
 * and say so, rather than being accepted and forgotten.
 */
const WITHOUT_HOTPLUG = /^blockDeviceRefs/

/** Changes from the spec that the domain was made from to the one that is asked for. */
export function pendingChanges(applied: VirtualMachineSpec, wanted: VirtualMachineSpec): readonly Change[] {
  return changesOf(applied, withoutSecrets(wanted)).filter(
    ({ action, path }) => action === 'Restart' || (action === 'ApplyImmediate' && WITHOUT_HOTPLUG.test(path)),
  )
}
