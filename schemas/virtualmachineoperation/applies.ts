// When an operation applies, and which of two wins. Pure. DVP: applicability by run policy and phase, superseding.
import type { VirtualMachine } from '../virtualmachine/schema.ts'
import type { VirtualMachineOperation } from './schema.ts'

export type PowerType = 'Start' | 'Stop' | 'Restart'
/** What takes a machine to another host while it runs: asked for by somebody, or by a drain or a rule. */
export type MoveType = 'Migrate' | 'Evict'
export type AppliedType = PowerType | MoveType

type RunPolicy = VirtualMachine['spec']['runPolicy']
type VmPhase = NonNullable<NonNullable<VirtualMachine['status']>['phase']>

const POLICIES: Readonly<Record<AppliedType, readonly RunPolicy[]>> = {
  Start: ['Manual', 'AlwaysOnUnlessStoppedManually'],
  Stop: ['Manual', 'AlwaysOnUnlessStoppedManually'],
  Restart: ['Manual', 'AlwaysOnUnlessStoppedManually', 'AlwaysOn'],
  Migrate: ['Manual', 'AlwaysOnUnlessStoppedManually', 'AlwaysOn'],
  Evict: ['Manual', 'AlwaysOnUnlessStoppedManually', 'AlwaysOn'],
}

const PHASES: Readonly<Record<AppliedType, readonly VmPhase[]>> = {
  Start: ['Stopped', 'Stopping'],
  Stop: ['Running', 'Degraded', 'Starting', 'Pause', 'Pending'],
  Restart: ['Running', 'Degraded', 'Starting', 'Pause'],
  Migrate: ['Running', 'Degraded'],
  Evict: ['Running', 'Degraded'],
}

/** Forced ones also apply while the guest is on its way down. */
const FORCED_PHASE: VmPhase = 'Stopping'
const FORCED: readonly AppliedType[] = ['Stop', 'Restart']

export interface Refusal {
  readonly reason: 'NotApplicableForVirtualMachineRunPolicy' | 'NotApplicableForVirtualMachinePhase'
  readonly message: string
}

/** Why the operation can't be done on this VM now; null when it can. */
export function refusalOf(type: AppliedType, force: boolean, vm: VirtualMachine): Refusal | null {
  const policy = vm.spec.runPolicy
  if (!POLICIES[type].includes(policy))
    return {
      reason: 'NotApplicableForVirtualMachineRunPolicy',
      message: `${type} does not apply to the run policy ${policy}`,
    }
  const phase = vm.status?.phase ?? 'Pending'
  const applies = PHASES[type].includes(phase) || (force && FORCED.includes(type) && phase === FORCED_PHASE)
  if (applies) return null
  return {
    reason: 'NotApplicableForVirtualMachinePhase',
    message: `${type} does not apply to a virtual machine that is ${phase}`,
  }
}

type Ask = Pick<VirtualMachineOperation['spec'], 'type' | 'force'>

export const isMove = (type: VirtualMachineOperation['spec']['type']): type is MoveType =>
  type === 'Migrate' || type === 'Evict'

/**
 * Whether a newer operation takes the place of one that is under way: Stop > Start, forced Stop > Stop, Stop and Restart > Migrate and
 * Evict (DVP: Restart > Migrate and Evict; a stop need not wait for a move either).
 */
export function supersedes(newer: Ask, older: Ask): boolean {
  if (isMove(older.type)) return newer.type === 'Stop' || newer.type === 'Restart'
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
