// When an operation applies, and which of two wins. Pure. DVP: applicability by run policy and phase, superseding.
import type { RunPolicy, VirtualMachine } from '../virtualmachine/schema.ts'
import type { VirtualMachineOperation } from './schema.ts'

export type PowerType = 'Start' | 'Stop' | 'Restart'
type VmPhase = NonNullable<NonNullable<VirtualMachine['status']>['phase']>

const POLICIES: Readonly<Record<PowerType, readonly RunPolicy[]>> = {
  Start: ['Manual', 'AlwaysOnUnlessStoppedManually'],
  Stop: ['Manual', 'AlwaysOnUnlessStoppedManually'],
  Restart: ['Manual', 'AlwaysOnUnlessStoppedManually', 'AlwaysOn'],
}

const PHASES: Readonly<Record<PowerType, readonly VmPhase[]>> = {
  Start: ['Stopped', 'Stopping'],
  Stop: ['Running', 'Degraded', 'Starting', 'Pause', 'Pending'],
  Restart: ['Running', 'Degraded', 'Starting', 'Pause'],
}

/** Forced ones also apply while the guest is on its way down. */
const FORCED_PHASE: VmPhase = 'Stopping'

export interface Refusal {
  readonly reason: 'NotApplicableForVirtualMachineRunPolicy' | 'NotApplicableForVirtualMachinePhase'
  readonly message: string
}

/** Why the operation can't be done on this VM now; null when it can. */
export function refusalOf(type: PowerType, force: boolean, vm: VirtualMachine): Refusal | null {
  const policy = vm.spec.runPolicy
  if (!POLICIES[type].includes(policy))
    return {
      reason: 'NotApplicableForVirtualMachineRunPolicy',
      message: `${type} does not apply to the run policy ${policy}`,
    }
  const phase = vm.status?.phase ?? 'Pending'
  const applies = PHASES[type].includes(phase) || (force && type !== 'Start' && phase === FORCED_PHASE)
  if (applies) return null
  return {
    reason: 'NotApplicableForVirtualMachinePhase',
    message: `${type} does not apply to a virtual machine that is ${phase}`,
  }
}

type Ask = Pick<VirtualMachineOperation['spec'], 'type' | 'force'>

/** Whether a newer operation takes the place of one that is under way: Stop > Start, forced Stop > Stop. */
export function supersedes(newer: Ask, older: Ask): boolean {
  if (newer.type !== 'Stop') return false
  return older.type === 'Start' || (older.type === 'Stop' && newer.force === true && older.force !== true)
}

/** Finished operations that may go: older than a day, and not among the newest ten of their VM (DVP's collection). */
export function isExpired(
  operation: VirtualMachineOperation,
  ofSameVm: readonly VirtualMachineOperation[],
  now: number,
): boolean {
  const age = now - Date.parse(operation.metadata.creationTimestamp)
  if (age < KEEP_MS) return false
  const newer = ofSameVm.filter(({ metadata }) => metadata.creationTimestamp > operation.metadata.creationTimestamp)
  return newer.length >= KEEP_COUNT
}

const KEEP_MS = 24 * 3_600_000
const KEEP_COUNT = 10
