// What is seen of a VM -> its status. Pure. Phases, conditions and reasons are DVP's (vmcondition, phases of VirtualMachine).
import { timestamp } from '../../../lib/clock.ts'
import { topology } from '../../../lib/domain/index.ts'
import type { Condition } from '../../../lib/object.ts'
import { fractionOf, milliCoresOf, overheadOf } from '../../../lib/placement/requests.ts'
import { formatBytes } from '../../../lib/quantity.ts'
import type { VirtualMachine, VirtualMachineSpec } from '../../../schemas/index.ts'
import type { RunTimes } from '../../cluster/binding-objects.ts'
import type { HostFacts } from '../../host/facts.ts'
import { VM_CONDITIONS, type VmCondition } from './conditions.ts'
import type { Dependencies } from './dependencies.ts'
import { deviceStatus } from './device-status.ts'
import type { GuestInfo } from './guest-info.ts'
import type { Hotplug } from './hotplug.ts'
import type { LiveDevice } from './live-devices.ts'
import { migratable } from './migratable.ts'
import type { DomainView } from './observe.ts'
import type { Change } from './pending-changes.ts'
import { isActive } from './plan.ts'
import type { PowerRecord } from './power.ts'
import { pausedBecause, stoppedBecause } from './power-words.ts'

export type VmStatus = NonNullable<VirtualMachine['status']>
export type Phase = NonNullable<VmStatus['phase']>

/** Berth's own part of the status: what the agent must remember about a VM. */
export interface BerthStatus {
  readonly power: PowerRecord
  /** Machine type of the first start; kept for the VM's life. */
  readonly machineType?: string
  /** ms since the epoch: when the start was first wanted and was called, when the domain and the guest's agent were first seen to run. */
  readonly times?: RunTimes
  /** The guest's address when it was last seen to have one: goes along to its next host. */
  readonly address?: string
  /** The address with which the guest came from another host. */
  readonly carried?: string
}

export interface StatusInputs {
  readonly vm: VirtualMachine
  readonly before: VmStatus | undefined
  readonly berth: BerthStatus
  readonly dependencies: Dependencies
  readonly view: DomainView | null
  /** The applied spec of the domain that exists; null without one. */
  readonly applied: VirtualMachineSpec | null
  readonly changes: readonly Change[]
  /** In words, what somebody changed on the running domain from outside. */
  readonly outside: readonly string[]
  /** Disks and images that the VM has while it runs. */
  readonly live: readonly LiveDevice[]
  readonly hotplug: Hotplug
  readonly wanted: 'On' | 'Off' | 'AsIs'
  /** Why a wanted start waits although everything it refers to is ready (capacity, host, placement). */
  readonly blocked: string | null
  /** The last step's error, in libvirt's words. */
  readonly failure: string | null
  /** Its QEMU does not answer. */
  readonly silent: boolean
  readonly ipAddress: string | null
  /** In words, why the guest cannot go on with the address that it came with. */
  readonly addressProblem: string | null
  readonly mac: string | null
  readonly guest: GuestInfo | null
  readonly facts: HostFacts
  readonly now: number
}

export const berthOf = (status: VmStatus | undefined): BerthStatus =>
  (status as { readonly berth?: BerthStatus } | undefined)?.berth ?? { power: {} }

export function buildStatus(inputs: StatusInputs): VmStatus {
  const { vm, before, view, facts, now } = inputs
  const active = isActive(view?.state ?? null)
  const phase = phaseOf(inputs)
  const spec = active && inputs.applied ? inputs.applied : vm.spec
  const shape = topology(spec.cpu.cores)
  const transitions = before?.stats?.phasesTransitions ?? []
  const next = {
    ...before,
    phase,
    observedGeneration: vm.metadata.generation ?? 0,
    nodeName: active ? facts.nodeName : '',
    ipAddress: active ? (inputs.ipAddress ?? '') : '',
    guestOSInfo: active ? (inputs.guest?.os ?? {}) : {},
    versions: active ? facts.versions : {},
    blockDeviceRefs: deviceStatus({
      wanted: vm.spec.blockDeviceRefs ?? [],
      known: inputs.dependencies.known,
      live: inputs.live,
      coming: inputs.hotplug.coming,
      before: before?.blockDeviceRefs ?? [],
    }),
    networks:
      inputs.mac === null
        ? []
        : [
            {
              id: 1,
              type: 'Main',
              name: '',
              macAddress: inputs.mac,
              ipAddress: active ? (inputs.ipAddress ?? '') : '',
            },
          ],
    resources: {
      cpu: {
        cores: spec.cpu.cores,
        coreFraction: `${fractionOf(spec)}%`,
        requestedCores: `${milliCoresOf(spec)}m`,
        runtimeOverhead: '0',
        topology: shape.ok ? { sockets: shape.sockets, coresPerSocket: shape.coresPerSocket } : {},
      },
      memory: { size: spec.memory.size, runtimeOverhead: formatBytes(overheadOf(spec)) },
    },
    restartAwaitingChanges: inputs.changes.map(({ path, operation, currentValue, desiredValue }) => ({
      path,
      operation,
      ...(currentValue === undefined ? {} : { currentValue }),
      ...(desiredValue === undefined ? {} : { desiredValue }),
    })),
    stats: {
      ...before?.stats,
      phasesTransitions:
        transitions.at(-1)?.phase === phase
          ? transitions
          : [...transitions, { phase, timestamp: timestamp(now) }].slice(-MAX_TRANSITIONS),
      launchTimeDuration: launchTimes(inputs.berth),
      ...(inputs.berth.times?.running === undefined ? {} : { lastStartTime: timestamp(inputs.berth.times.running) }),
    },
    conditions: conditionsOf(inputs, active),
    berth: inputs.berth,
  }
  return next as VmStatus
}

/** Newest kept; each is some 60 bytes of the object. */
export const MAX_TRANSITIONS = 20

export function phaseOf(inputs: StatusInputs): Phase {
  const { vm, view, berth, wanted } = inputs
  const state = view?.state ?? null
  if (vm.metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (state === 'paused') return berth.power.starting ? 'Starting' : 'Pause'
  if (isActive(state)) return berth.power.stopSince !== undefined || state === 'stopping' ? 'Stopping' : 'Running'
  if (berth.power.starting && inputs.failure === null) return 'Starting'
  const start = wanted === 'On' && inputs.failure === null && startBlocker(inputs) === null
  if (start) return 'Starting'
  return wanted === 'On' ? 'Pending' : 'Stopped'
}

/** In words, the first thing that keeps a wanted start waiting; null when nothing does. */
export function startBlocker(inputs: Pick<StatusInputs, 'dependencies' | 'blocked'>): string | null {
  const { dependencies: needs } = inputs
  return (
    needs.bindingProblem ??
    needs.classProblem ??
    needs.sizingProblem?.message ??
    needs.devicesProblem ??
    needs.bootProblem ??
    needs.provisioningProblem ??
    needs.hostProblem ??
    needs.placementProblem ??
    inputs.blocked
  )
}

function launchTimes({ times }: BerthStatus): Record<string, string> {
  const durations: Record<string, string> = {}
  if (times?.wanted !== undefined && times.start !== undefined)
    durations.waitingForDependencies = seconds(times.start - times.wanted)
  if (times?.start !== undefined && times.running !== undefined)
    durations.virtualMachineStarting = seconds(times.running - times.start)
  if (times?.running !== undefined && times.agent !== undefined)
    durations.guestOSAgentStarting = seconds(times.agent - times.running)
  return durations
}

/** Go's duration text, as DVP writes it. */
const seconds = (ms: number): string => `${Math.max(0, Math.round(ms)) / 1000}s`

function conditionsOf(inputs: StatusInputs, active: boolean): readonly Condition[] {
  const { dependencies: needs, guest, changes, hotplug, vm, now } = inputs
  const addressProblem = active ? inputs.addressProblem : null
  const told = active ? inputs.view : null
  const passing = { Migrating: false, Migratable: told !== null, VirtualMachineIPAddressReady: addressProblem !== null }
  let list: readonly Condition[] = (inputs.before?.conditions ?? []).filter(
    ({ type }) => passing[type as keyof typeof passing] ?? true,
  )
  const set = (state: VmCondition, message = '') => {
    list = VM_CONDITIONS.set(list, { ...state, message }, vm.metadata.generation ?? 0, now)
  }
  const ready = (problem: string | null, whenReady: VmCondition, whenNot: VmCondition) =>
    set(problem === null ? whenReady : whenNot, problem ?? '')

  ready(
    needs.classProblem,
    { type: 'VirtualMachineClassReady', status: 'True', reason: 'VirtualMachineClassReady' },
    { type: 'VirtualMachineClassReady', status: 'False', reason: 'VirtualMachineClassNotReady' },
  )
  ready(
    [needs.devicesProblem ?? [], ...hotplug.refused].flat().join('; ') || null,
    { type: 'BlockDevicesReady', status: 'True', reason: 'BlockDevicesReady' },
    { type: 'BlockDevicesReady', status: 'False', reason: 'BlockDevicesNotReady' },
  )
  ready(
    needs.provisioningProblem,
    { type: 'ProvisioningReady', status: 'True', reason: 'ProvisioningReady' },
    { type: 'ProvisioningReady', status: 'False', reason: 'ProvisioningNotReady' },
  )
  const sizing = { type: 'SizingPolicyMatched' } as const
  if (needs.sizingProblem === null) set({ ...sizing, status: 'True', reason: 'SizingPolicyMatched' })
  else set({ ...sizing, status: 'False', reason: needs.sizingProblem.reason }, needs.sizingProblem.message)
  set(...running(inputs, active))
  if (addressProblem !== null)
    set(
      { type: 'VirtualMachineIPAddressReady', status: 'False', reason: 'VirtualMachineIPAddressNotAvailable' },
      addressProblem,
    )
  if (told !== null) set(...migratable(told.observed))
  if (active && guest !== null) set({ type: 'AgentReady', status: 'True', reason: 'AgentReady' })
  else set({ type: 'AgentReady', status: 'False', reason: 'AgentNotReady' }, agentHint(active))
  const waits = changes.length > 0
  const restart = { type: 'AwaitingRestartToApplyConfiguration' } as const
  const awaited = `a restart applies ${changes.map(({ path }) => path).join(', ')}`
  if (waits) set({ ...restart, status: 'True', reason: 'ChangesPendingRestart' }, awaited)
  else set({ ...restart, status: 'False', reason: 'NoRestartRequired' })
  const open = [...(waits ? ['changes wait for a restart'] : []), ...hotplug.pending, ...inputs.outside]
  ready(
    open.join('; ') || null,
    { type: 'ConfigurationApplied', status: 'True', reason: 'ConfigurationApplied' },
    { type: 'ConfigurationApplied', status: 'False', reason: 'ConfigurationNotApplied' },
  )
  return list
}

const agentHint = (active: boolean): string =>
  active ? 'qemu-guest-agent does not answer in the guest' : 'the guest does not run'

function running(inputs: StatusInputs, active: boolean): readonly [state: VmCondition, message: string] {
  const not = { type: 'Running', status: 'False' } as const
  if (active && inputs.silent)
    return [
      { type: 'Running', status: 'Unknown', reason: 'QemuNotAnswering' },
      'its QEMU does not answer its monitor: it was stopped by a signal, or waits for a disk of the host',
    ]
  if (active) {
    return inputs.view?.state === 'paused'
      ? [{ ...not, reason: 'GuestNotRunning' }, pausedBecause(inputs.view.pause)]
      : [{ type: 'Running', status: 'True', reason: 'Running' }, '']
  }
  if (inputs.failure !== null) return [{ ...not, reason: 'InternalVirtualMachineError' }, inputs.failure]
  if (inputs.wanted !== 'On')
    return [{ ...not, reason: 'NotRunning' }, stoppedBecause(inputs.berth.power, inputs.vm.spec.runPolicy)]
  const { bootProblem } = inputs.dependencies
  if (bootProblem !== null) return [{ ...not, reason: 'NoBootableDevice' }, bootProblem]
  return [{ ...not, reason: 'PodNotStarted' }, startBlocker(inputs) ?? 'the start is under way']
}
