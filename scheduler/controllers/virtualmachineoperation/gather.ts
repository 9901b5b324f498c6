// From objects and agents to the facts of a plan. Reads only.

import { nameOf, toKey } from '../../../lib/object.ts'
import { toBytes } from '../../../lib/quantity.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { NODES, VM_OPERATIONS, VMS } from '../../../schemas/resources.ts'
import { isMove } from '../../../schemas/virtualmachineoperation/applies.ts'
import type { Agents } from '../../agents.ts'
import { disksOf } from '../../binder/needs.ts'
import { localDisksOf } from '../../failover/eligible.ts'
import { MOVING, MOVING_VMS, OPERATIONS_BY_VM, operationVmKey } from '../../indexes.ts'
import type { TargetWish } from '../../placement/targets.ts'
import type { MigrationLimits, MoveFacts, SideFacts, TargetChoice } from './facts.ts'
import { hasEnded } from './plan.ts'
import { openRecords, type Slots, startSlot, transferSlot, type Waiting } from './slots.ts'

export interface GatherDeps {
  readonly reader: Reader
  readonly agents: Pick<Agents, 'view'>
  /** Why nothing is known of a host now, in words; null while it is heard. */
  readonly silence: (node: string) => string | null
  readonly refusals: {
    of(uid: string): readonly { readonly node: string; readonly epoch: number; readonly message: string }[]
  }
  /** In words, the evidence that a host is dead; null: there is none. */
  readonly deathOf: (node: string) => string | null
  readonly priorityOf: (vm: VirtualMachine) => number
  /** In words, why this store must not decide where the machine is; null when it may. */
  readonly outdated: (vm: VirtualMachine) => string | null
  /** Where the machine can go from where it runs. Reserves nothing: the record does, once it is stored. */
  readonly targetOf: (
    vm: VirtualMachine,
    wish: Pick<TargetWish, 'nodeSelector'> & Required<Pick<TargetWish, 'not' | 'leaving'>>,
  ) => TargetChoice
  readonly limits: MigrationLimits
}

export function gather(key: string, vm: VirtualMachine | null, now: number, deps: GatherDeps): MoveFacts {
  const { reader, limits } = deps
  const slots = (): Slots => ({
    limits,
    nodes: reader.list(NODES).length,
    open: openRecords(
      reader
        .byIndex<VirtualMachine>(MOVING_VMS, MOVING)
        // Of the past: it was over long ago, and would hold its place in the line for good.
        .filter((each) => deps.outdated(each) === null)
        .map((each) => clusterStatusOf<ClusterVmStatus>(each)),
    ),
  })
  return {
    now,
    machine: key,
    vm,
    operations: reader.byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, key),
    limits,
    outdated: vm === null ? null : deps.outdated(vm),
    side: (node) => (vm === null ? STRANGER : sideOf(vm, node, deps)),
    startSlot: (operation, from) => startSlot(slots(), waitingOf(operation, vm, from, deps), lineOf(deps)),
    transferSlot: (record) => transferSlot(slots(), record),
    choose: (operation, not) =>
      vm === null
        ? { node: null, message: 'the machine does not exist' }
        : deps.targetOf(vm, {
            not,
            leaving: leavingOf(vm, reader),
            ...(operation.spec.migrate?.nodeSelector === undefined
              ? {}
              : { nodeSelector: operation.spec.migrate.nodeSelector }),
          }),
    gib: vm === null ? 0 : gibOf(vm, reader),
    shared: vm !== null && localDisksOf(vm, reader).length === 0,
  }
}

const STRANGER: SideFacts = { told: null, inSync: false, silent: true, dead: null, refused: null }

function sideOf(
  vm: VirtualMachine,
  node: string,
  { reader, agents, refusals, deathOf, silence }: GatherDeps,
): SideFacts {
  const { uid } = vm.metadata
  const { migration, placement } = clusterStatusOf<ClusterVmStatus>(vm)
  const view = agents.view(node)
  const told = view?.binding(uid)?.status?.migration ?? null
  const epoch = node === migration?.to ? migration.epoch : placement?.epoch
  return {
    told: told?.id === migration?.id ? told : null,
    inSync: view?.inSync === true,
    // Nobody hears of a host that was removed.
    silent: silence(node) !== null || reader.get(NODES, { namespace: '', name: node }) === null,
    dead: deathOf(node),
    refused: refusals.of(uid).find((one) => one.node === node && one.epoch === epoch)?.message ?? null,
  }
}

function waitingOf(
  { metadata }: VirtualMachineOperation,
  vm: VirtualMachine | null,
  from: string,
  { priorityOf }: Pick<GatherDeps, 'priorityOf'>,
): Waiting {
  const { uid, name, creationTimestamp } = metadata
  return { id: uid, name, from, priority: vm === null ? 0 : priorityOf(vm), createdAt: creationTimestamp }
}

/** All that wait for a slot and nothing else, by their own last word. */
function lineOf(deps: GatherDeps): readonly Waiting[] {
  const { reader } = deps
  return reader.list<VirtualMachineOperation>(VM_OPERATIONS).flatMap((operation) => {
    if (!waitsForSlot(operation)) return []
    const vm = reader.get<VirtualMachine>(VMS, {
      namespace: operation.metadata.namespace ?? '',
      name: operation.spec.virtualMachineName,
    })
    const from = clusterStatusOf<ClusterVmStatus>(vm).placement?.node
    return from === undefined ? [] : [waitingOf(operation, vm, from, deps)]
  })
}

export const waitsForSlot = (operation: VirtualMachineOperation): boolean =>
  isMove(operation.spec.type) &&
  !hasEnded(operation) &&
  operation.metadata.deletionTimestamp === undefined &&
  (operation.status?.conditions ?? []).some(({ type, reason }) => type === 'Completed' && reason === 'MigrationPending')

/**
 * Hosts that may have something of the machine or of its disks yet, which they are removing. One of them that made itself ready for it anew could
 * lose what it has just made.
 */
export const leavingOf = (vm: VirtualMachine, reader: Pick<Reader, 'get'>): ReadonlySet<string> =>
  new Set(
    [vm, ...disksOf(vm, reader)].flatMap((object) =>
      (clusterStatusOf<ClusterVmStatus & ClusterDiskStatus>(object).leaving ?? []).map(({ node }) => node),
    ),
  )

const GIB = 1024 ** 3

/** Memory and disks; those in shared classes are counted too, which makes a deadline later and nothing else. */
function gibOf(vm: VirtualMachine, reader: Pick<Reader, 'get'>): number {
  const sizes = disksOf(vm, reader).map(({ status }) => status?.capacity ?? '0')
  return [vm.spec.memory.size, ...sizes].reduce((sum, size) => sum + Number(toBytes(size)) / GIB, 0)
}

/** Keys that need a pass now and then: machines with moves that are not ended, with a record under way, with operations to collect. */
export const moveKeys = (reader: Reader): readonly string[] => [
  ...new Set([
    ...reader
      .list<VirtualMachineOperation>(VM_OPERATIONS)
      .filter(({ spec }) => isMove(spec.type))
      .map(operationVmKey),
    ...reader.byIndex(MOVING_VMS, MOVING).map((vm) => toKey(nameOf(vm))),
  ]),
]
