// Virtual machines that cannot be looked at: their status says so instead of what was true once. The phase stays the last that was
// seen; the next look that succeeds writes the condition anew.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { getCondition } from '../../../lib/conditions.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../names.ts'
import { VM_CONDITIONS, type VmCondition } from './conditions.ts'
import type { VmStatus } from './status.ts'

/** Why it cannot be looked at: a reason for programs, a sentence for people. */
export interface Blindness {
  readonly reason: Exclude<
    Extract<VmCondition, { readonly type: 'Running'; readonly status: 'Unknown' }>['reason'],
    'QemuNotAnswering'
  >
  readonly message: string
}

export interface UnknownDeps {
  readonly resources: Resources
  readonly now: number
  /** Asked as late as possible: whether it is still so. */
  readonly holds: () => boolean
}

/** Writes `Running` Unknown. */
export async function markUnknown(vm: VirtualMachine, why: Blindness, deps: UnknownDeps): Promise<void> {
  const { resources, now, holds } = deps
  const { namespace = '', name, uid } = vm.metadata
  await resources.modifyStatus<VirtualMachine>(VMS, { namespace, name, uid }, (status) =>
    holds() ? unknownStatus(status, why, now) : status,
  )
}

/** All those that run, or that something is being done with; a stopped one stays what it was. */
export async function markAllUnknown(reader: Pick<Reader, 'list'>, why: Blindness, deps: UnknownDeps): Promise<void> {
  const vms = reader.list<VirtualMachine>(VMS).filter(({ status }) => status?.phase !== 'Stopped')
  await Promise.all(vms.map((vm) => markUnknown(vm, why, deps)))
}

/** Whether the status says already that it could not be looked at, and why. */
export const isUnknown = ({ status }: VirtualMachine, { reason, message }: Blindness): boolean => {
  const running = getCondition(status?.conditions, 'Running')
  return running?.status === 'Unknown' && running.reason === reason && running.message === message
}

export function unknownStatus(before: VmStatus | undefined, { reason, message }: Blindness, now: number): VmStatus {
  const generation = before?.observedGeneration
  const state = { type: 'Running', status: 'Unknown', reason, message } as const
  const conditions = VM_CONDITIONS.set(before?.conditions, state, generation, now)
  return { phase: 'Pending', ...before, conditions } as VmStatus
}
