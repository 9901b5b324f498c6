// One look at a VM -> the status to store and the steps to take. Synchronous, so that it can run inside a status write
// and again on conflict; its only effects, the ledger's reservation and the turn to start, are the same each time.
import { isDeepStrictEqual } from 'node:util'
import { SEED_ALIAS } from '../../../lib/domain/index.ts'
import type { VirtualMachine, VirtualMachineSpec } from '../../../schemas/index.ts'
import type { Word } from '../../cluster/standing.ts'
import type { HostFacts } from '../../host/facts.ts'
import type { LooseEnd } from '../../network/loose-ends.ts'
import { effective } from './dependencies.ts'
import { guessSpec, noteOf, outsideChanges, overlaid } from './drift.ts'
import type { GuestInfo } from './guest-info.ts'
import { type Attempt, type Hotplug, NO_HOTPLUG, planHotplug } from './hotplug.ts'
import { currentRefs, type LiveDevice, liveDevices } from './live-devices.ts'
import type { DomainView } from './observe.ts'
import { pendingChanges } from './pending-changes.ts'
import { isActive, planVm, type Step } from './plan.ts'
import { type Ended, omit, type PowerFacts, type PowerRecord, settle, stopCause, wantedPower } from './power.ts'
import { type HostShares, reserve, type StartLook, type Waiting } from './reserve.ts'
import { type BerthStatus, berthOf, buildStatus, startBlocker, type VmStatus } from './status.ts'

export interface Look extends StartLook, Word {
  readonly facts: HostFacts
  /** Why QEMU's last run of this VM ended, when this agent heard it. */
  readonly qemuReason: string | null
  /** When the last move ended the guest here as it broke: ms since the epoch; null when it did not. */
  readonly brokenAt: number | null
  readonly lastSignal: number | null
  /** When this agent last let a guest go on that a failed write had stopped; null when it did not. */
  readonly lastResume: number | null
  /** Its QEMU does not answer. */
  readonly silent: boolean
  /** Host ends of its network interfaces that are on no bridge, as after a restart of the network. */
  readonly loose: readonly LooseEnd[]
  /** By uid: what this agent last tried with block devices that would not come or go. */
  readonly attempts: ReadonlyMap<string, Attempt>
  readonly ipAddress: string | null
  /** In words, why the guest cannot go on with the address that it came with; null when it can. */
  readonly addressProblem: string | null
  readonly mac: string | null
  readonly guest: GuestInfo | null
}

export interface Assessment {
  readonly status: VmStatus
  readonly berth: BerthStatus
  readonly steps: readonly Step[]
  /** Why a wanted start waits for something that no object tells about, and when to ask again; null when it does not. */
  readonly waits: Waiting | null
  /** A run that was over at this look, and why; null when none was. */
  readonly ended: Ended | null
  /** uids of block devices that have yet to come or go while the VM runs. */
  readonly open: ReadonlySet<string>
}

export function assess(object: VirtualMachine, before: VmStatus | undefined, seen: Look, host: HostShares): Assessment {
  const { ledger } = host
  const look = withOverlaid(seen)
  const vm = effective(object, look.dependencies)
  const { view, now } = look
  const policy = vm.spec.runPolicy ?? 'AlwaysOnUnlessStoppedManually'
  const active = isActive(view?.state ?? null)
  const applied = appliedSpec(view) ?? (active && view !== null ? guessSpec(vm, view.observed) : null)
  const known = berthOf(before)
  const facts: PowerFacts = {
    policy,
    active,
    shutoff: view?.shutoff ?? 'unknown',
    qemuReason: look.qemuReason,
    rebootEndsQemu: view?.observed.onReboot === 'destroy',
    bootId: look.facts.bootId,
    now,
    runningSince: known.times?.running ?? null,
    brokenAt: look.brokenAt,
    generation: vm.metadata.generation ?? 0,
  }
  // One that went to another host runs on there.
  const ended =
    !active && known.power.ran === true && !look.released
      ? { cause: stopCause(known.power, facts), shutoff: facts.shutoff }
      : null
  let power = settle(known.power, facts)
  const live = active ? liveDevices(view?.observed.disks ?? [], look.dependencies.known) : []
  const current = active && applied !== null ? withDevices(applied, vm.spec, live) : applied
  const changes = active && current !== null ? pendingChanges(current, vm.spec) : []
  // An older copy of the database was restored: what it says of the machine is no reason to take anything from a guest.
  const outdated = active && (view?.observed.metadata?.generation ?? 0) > (vm.metadata.generation ?? 0)
  power = requestOwnRestart(power, vm, active && changes.length > 0 && !outdated)

  const deleted = vm.metadata.deletionTimestamp !== undefined
  const wanted = deleted ? 'Off' : wantedPower(power, policy)
  const graceMs = ((applied ?? vm.spec).terminationGracePeriodSeconds ?? 60) * 1000
  // A stop that is no longer wanted and that the guest did not heed is forgotten; one that it heeds still counts as asked.
  if (active && wanted !== 'Off' && power.stopSince !== undefined && now > power.stopSince + graceMs)
    power = omit(power, 'stopSince')
  const waits = reserve(vm, applied, wanted === 'On' ? power : null, look, host)
  const hotplug = outdated
    ? OUTDATED
    : active && current !== null && wanted !== 'Off'
      ? planHotplug({
          wanted: vm.spec.blockDeviceRefs,
          changes,
          live,
          targets: view?.observed.disks.map(({ target }) => target) ?? [],
          ready: look.dependencies.devices,
          claim: ({ volume }) => ledger.claimDisk(vm.metadata.uid, volume.path),
          attempts: look.attempts,
          now,
        })
      : NO_HOTPLUG
  const blocked = startBlocker({ dependencies: look.dependencies, blocked: waits?.why ?? null })
  const steps =
    look.failure !== null
      ? []
      : planVm(
          {
            deleted,
            power: wanted,
            blocked,
            force: look.released || power.request?.force === true,
            stopSince: power.stopSince ?? null,
            graceMs,
            onReboot: changes.length > 0 || bootsAnew(vm.spec, hotplug, view) ? 'destroy' : 'restart',
            devices: outdated ? [] : deviceSteps(vm, hotplug, { applied, current, view, epoch: look.epoch }),
            atRest: active ? [] : recordOfStop(power, view),
          },
          {
            state: view?.state ?? null,
            onReboot: view?.observed.onReboot ?? 'restart',
            lastSignal: look.lastSignal,
            silent: look.silent,
            persistent: view?.persistent !== false,
            loose: look.loose,
            pausedByDisk: view?.pause === 'disk',
            lastResume: look.lastResume,
          },
          now,
        )
  const berth = remember(known, power, steps, {
    active,
    wanted: wanted === 'On',
    now,
    agent: look.guest !== null,
    look,
  })
  const outside = active && current !== null && view !== null ? outsideChanges(current, view.observed) : []
  const status = buildStatus({
    ...look,
    outside,
    vm,
    before,
    berth,
    applied,
    changes,
    wanted,
    blocked: waits?.why ?? null,
    live,
    hotplug,
  })
  return { status, berth, steps, waits, ended, open: hotplug.open }
}

/** A snapshot from outside is a problem of the block devices: it holds a start, and is told of a machine that runs. */
function withOverlaid(look: Look): Look {
  const { view, dependencies } = look
  const problem = overlaid(view?.observed.disks ?? [], dependencies.devices)
  if (problem === null) return look
  const devicesProblem = [dependencies.devicesProblem ?? [], problem].flat().join('; ')
  return { ...look, dependencies: { ...dependencies, devicesProblem } }
}

/** The domain was made from a newer object than the database has. */
const OUTDATED: Hotplug = {
  ...NO_HOTPLUG,
  pending: [
    'the machine runs by a newer spec than this database has, which is an older copy: its devices stay as they are until its next restart',
  ],
}

/** A domain that is off tells whether that was decided by hand: a rebuilt database must not start it then. */
function recordOfStop({ marker }: PowerRecord, view: DomainView | null): readonly Step[] {
  const metadata = view?.observed.metadata
  const stoppedManually = marker === 'Stopped'
  if (view?.persistent !== true || metadata === undefined || metadata.stoppedManually === stoppedManually) return []
  return [{ do: 'record-stop', metadata: { ...metadata, stoppedManually } }]
}

/** The spec that the domain is made of by now: block devices come and go while it runs. */
const withDevices = (
  applied: VirtualMachineSpec,
  wanted: VirtualMachineSpec,
  live: readonly LiveDevice[],
): VirtualMachineSpec => ({
  ...applied,
  blockDeviceRefs: [...currentRefs(applied.blockDeviceRefs ?? [], wanted.blockDeviceRefs, live)],
})

/**
 * What the next boot shall find otherwise, but QEMU cannot change: the order of booting, a cloud-init disk that was taken away. No
 * restart is asked for (DVP); a reboot from inside gets it.
 */
const bootsAnew = (spec: VirtualMachineSpec, hotplug: Hotplug, view: DomainView | null): boolean =>
  hotplug.bootsOtherwise ||
  (spec.provisioning === undefined && view?.observed.disks.some(({ alias }) => alias === SEED_ALIAS) === true)

/** What can be done now, and what became of it written down; another look follows. Then the wait for those that take their time. */
function deviceSteps(
  vm: VirtualMachine,
  hotplug: Hotplug,
  {
    applied,
    current,
    view,
    epoch,
  }: Pick<Look, 'view' | 'epoch'> & Record<'applied' | 'current', VirtualMachineSpec | null>,
): readonly Step[] {
  const note = view?.observed.metadata
  const metadata = note ?? (current === null ? undefined : noteOf(vm, current))
  const recorded =
    note !== undefined && note.epoch === epoch && isDeepStrictEqual(applied?.blockDeviceRefs, current?.blockDeviceRefs)
  const generation = vm.metadata.generation ?? 0
  const record: readonly Step[] =
    recorded || metadata === undefined
      ? []
      : [{ do: 'record-devices', metadata: { ...metadata, epoch, generation, specJson: JSON.stringify(current) } }]
  const now = [...hotplug.steps, ...record]
  if (now.length > 0 || hotplug.again === null) return now
  return [{ do: 'wait', afterMs: hotplug.again, why: hotplug.pending.join('; ') }]
}

/** `disruptions.restartApprovalMode: Automatic`: changes that need a restart get one at once. */
function requestOwnRestart(power: PowerRecord, vm: VirtualMachine, needed: boolean): PowerRecord {
  const automatic = vm.spec.disruptions?.restartApprovalMode === 'Automatic'
  if (!needed || !automatic || power.request !== undefined) return power
  return { ...power, request: { id: 'configuration', type: 'Restart', force: false, stage: 'stopping' } }
}

/** What must be stored before the steps run, and what was learned by looking. */
function remember(
  known: BerthStatus,
  power: PowerRecord,
  steps: readonly Step[],
  seen: { active: boolean; wanted: boolean; now: number; agent: boolean; look: Look },
): BerthStatus {
  const { now, look } = seen
  const first = steps[0]?.do
  let times = known.times ?? {}
  const address = (seen.active ? look.ipAddress : null) ?? known.address
  const where = {
    ...(address === undefined ? {} : { address }),
    ...(known.carried === undefined ? {} : { carried: known.carried }),
  }
  if (first === 'define-and-start') {
    times = { wanted: times.running === undefined ? (times.wanted ?? now) : now, start: now }
    return {
      power: { ...omit(power, 'stopSince'), starting: true, bootId: look.facts.bootId },
      machineType: known.machineType ?? look.facts.machineType,
      times,
      ...where,
    }
  }
  // The wait for what is missing counts from when the start was first wanted, not from an earlier run.
  if (!seen.active && seen.wanted && (times.wanted === undefined || times.running !== undefined))
    times = { wanted: now }
  if (seen.active && times.running === undefined) times = { ...times, running: now }
  if (seen.active && seen.agent && times.agent === undefined) times = { ...times, agent: now }
  const stopping = first === 'shutdown' || first === 'destroy'
  return {
    ...known,
    power: stopping && power.stopSince === undefined ? { ...power, stopSince: now } : power,
    times,
    ...where,
  }
}

/** The spec that the domain was made from; null when there is none or it was not made by us. */
export function appliedSpec(view: DomainView | null): VirtualMachineSpec | null {
  const text = view?.observed.metadata?.specJson
  if (text === undefined) return null
  try {
    return JSON.parse(text) as VirtualMachineSpec
  } catch {
    return null
  }
}
