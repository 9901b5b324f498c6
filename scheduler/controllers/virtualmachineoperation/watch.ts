// What wakes the moves of a machine.
import { isDeepStrictEqual } from 'node:util'
import { type KubeObject, nameOf, toKey } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { KeySink } from '../../../lib/reconcile/sources.ts'
import { keyOf } from '../../../lib/store/change.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  openMigration,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { DISKS, HOST_BINDINGS, NODES, VM_OPERATIONS, VMS } from '../../../schemas/resources.ts'
import { isMove } from '../../../schemas/virtualmachineoperation/applies.ts'
import type { Agents } from '../../agents.ts'
import {
  byPlace,
  MOVING,
  MOVING_VMS,
  OPERATIONS_BY_VM,
  operationVmKey,
  referenceOf,
  VMS_BY_REFERENCE,
} from '../../indexes.ts'
import { waitsForSlot } from './gather.ts'
import { hasEnded } from './plan.ts'

/** A guest that is paused for the last of it: told of only when it lasts, as what tells of it takes processors that are needed to end it. */
const PAUSE_MS = 500

/** Returns the unsubscribe function. */
export function wireMoves(reader: Reader, agents: Pick<Agents, 'onChange' | 'view'>, sink: KeySink): () => void {
  const moving = () =>
    reader.byIndex<VirtualMachine>(MOVING_VMS, MOVING).flatMap((vm) => {
      const open = openMigration(clusterStatusOf<ClusterVmStatus>(vm))
      return open === null ? [] : [{ key: toKey(nameOf(vm)), uid: vm.metadata.uid, open }]
    })
  const wake = (keys: Iterable<string>) => {
    for (const key of keys) sink.enqueue(key)
  }
  /** Machines that have the disk, and of which a move was asked for. */
  const movesWith = ({ metadata }: KubeObject) =>
    reader
      .byIndex(VMS_BY_REFERENCE, referenceOf('VirtualDisk', metadata.namespace ?? '', metadata.name))
      .map((vm) => toKey(nameOf(vm)))
      .filter((key) => reader.byIndex(OPERATIONS_BY_VM, key).length > 0)
  /** A slot became free, or there is a place where there was none. */
  const wakeLine = () => {
    wake(reader.list<VirtualMachineOperation>(VM_OPERATIONS).filter(waitsForSlot).map(operationVmKey))
    wake(moving().flatMap(({ key, open }) => (open.phase === 'Prepared' ? [key] : [])))
  }
  const unread = reader.onChange((change) => {
    const { resource } = keyOf(change)
    const after = change.type === 'put' ? change.entry.value : change.previous
    if (resource === VM_OPERATIONS) wake([operationVmKey(after as VirtualMachineOperation)])
    if (resource === NODES) wake(moving().map(({ key }) => key))
    if (resource === DISKS && leavingOf(change.previous) !== leavingOf(after)) wake(movesWith(after))
    if (resource !== VMS) return
    const before = change.previous as VirtualMachine | null
    const key = toKey(nameOf(after))
    const phaseOf = (vm: VirtualMachine | null) => clusterStatusOf<ClusterVmStatus>(vm).migration?.phase
    const hasMove = phaseOf(before) !== undefined || phaseOf(after as VirtualMachine) !== undefined
    if (change.type !== 'delete' && !hasMove && reader.byIndex(OPERATIONS_BY_VM, key).length === 0) return
    if (change.type === 'put' && before !== null && isDeepStrictEqual(read(before), read(after as VirtualMachine)))
      return
    wake([key])
    if (change.type === 'delete' || phaseOf(before) !== phaseOf(after as VirtualMachine)) wakeLine()
  })
  const unheard = agents.onChange((node, change) => {
    if (change === null) wake(askedOn(node, reader))
    else if (change.resource !== HOST_BINDINGS && change.resource !== VMS) return
    const touched = moving().filter(({ uid, open }) =>
      change === null ? [open.from, open.to].includes(node) : uid === change.uid,
    )
    const told = change === null ? null : (agents.view(node)?.binding(change.uid)?.status?.migration ?? null)
    for (const { key } of touched) sink.enqueue(key, told?.phase === 'Finishing' ? PAUSE_MS : 0)
  })
  return () => {
    unread()
    unheard()
  }
}

/** The hosts that the object has left, and that have not said so. */
const leavingOf = (object: KubeObject | null): string =>
  (clusterStatusOf<ClusterVmStatus>(object).leaving ?? []).map(({ node }) => node).join()

/** Machines of that host with moves that are to be done still: whether it is heard decides about them too. */
const askedOn = (node: string, reader: Reader): readonly string[] =>
  reader
    .byIndex<VirtualMachine>(byPlace(VMS), node)
    .map((vm) => toKey(nameOf(vm)))
    .filter((key) =>
      reader
        .byIndex<VirtualMachineOperation>(OPERATIONS_BY_VM, key)
        .some((one) => isMove(one.spec.type) && !hasEnded(one)),
    )

/** What the plan reads of a machine. */
const read = (vm: VirtualMachine): readonly unknown[] => {
  const { metadata, spec, status } = vm
  const { placement, migration } = clusterStatusOf<ClusterVmStatus>({ status })
  const migratable = status?.conditions?.find(({ type }) => type === 'Migratable')?.status
  return [
    metadata.deletionTimestamp,
    spec.runPolicy,
    spec.liveMigrationPolicy,
    status?.phase,
    placement,
    migration,
    leavingOf(vm),
    migratable,
  ]
}
