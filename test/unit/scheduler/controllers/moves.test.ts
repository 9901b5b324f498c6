// The controller of moves over a real store. Agents are fakes that say what each test lets them say.

import { expect, test } from 'vitest'
import type { EventText } from '../../../../lib/controllers/event-text.ts'
import { MoveReconciler } from '../../../../scheduler/controllers/virtualmachineoperation/controller.ts'
import {
  DEFAULT_MIGRATION_LIMITS,
  type TargetChoice,
} from '../../../../scheduler/controllers/virtualmachineoperation/facts.ts'
import { moveKeys } from '../../../../scheduler/controllers/virtualmachineoperation/gather.ts'
import { wireMoves } from '../../../../scheduler/controllers/virtualmachineoperation/watch.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type Leaving,
  type VirtualDisk,
  type VirtualMachine,
} from '../../../../schemas/index.ts'
import { DISKS, STORAGE_CLASSES, VM_OPERATIONS, VMS } from '../../../../schemas/resources.ts'
import { Counted } from '../../../support/counted.ts'
import { scratch } from '../../../support/scratch.ts'
import {
  addMachine,
  addMove,
  berthOf,
  type ClusterWorld,
  clusterWorld,
  diskBerth,
  machine,
  operation,
  SINCE,
  said,
} from '../cluster-world.ts'

interface Moves {
  readonly world: ClusterWorld
  readonly events: string[]
  readonly counted: Counted
  /** Passes until nothing is due at once. */
  settle(name?: string): Promise<void>
  dead: string | null
  target: TargetChoice
  /** With each question for a target: hosts that may have something of the machine still. */
  readonly leaving: (readonly string[])[]
  frozen: string | null
}

async function moves(dir?: string): Promise<Moves> {
  const world = await clusterWorld(['h1', 'h2', 'h3'], dir)
  const events: string[] = []
  const counted = new Counted()
  const made: Moves = {
    world,
    events,
    counted,
    dead: null,
    target: { node: 'h2' },
    leaving: [],
    frozen: null,
    settle: async (name = 'web') => {
      for (let pass = 0; pass < 20; pass++) {
        const outcome = await reconciler.reconcile(`default/${name}`)
        if (outcome.kind === 'done' || outcome.afterMs > 0) return
      }
      throw new Error('passes do not come to rest')
    },
  }
  const reconciler = new MoveReconciler({
    ...world,
    refusals: { of: () => [] },
    deathOf: (node) => (node === made.dead ? 'fenced' : null),
    outdated: () => null,
    silence: (node) => (world.agents.view(node)?.inSync === false ? 'it is not heard' : null),
    priorityOf: () => 0,
    targetOf: (_, { leaving }) => {
      made.leaving.push([...leaving])
      return made.target
    },
    limits: DEFAULT_MIGRATION_LIMITS,
    events: { record: (_, { reason, message }: EventText) => events.push(`${reason}: ${message}`) },
    frozen: () => made.frozen,
    metrics: counted,
  })
  return made
}

const withLeaving = <S>(status: S, leaving: readonly Leaving[]): NonNullable<S> => {
  const berth = clusterStatusOf<ClusterVmStatus>({ status })
  return { ...status, berth: { ...berth, leaving } } as NonNullable<S>
}

test('a machine is moved: its record, its disks, its operation, its events', async () => {
  const { world, settle, events, counted } = await moves()
  const { uid } = (await addMachine(world, 'web', 'h1')).metadata
  const { uid: id } = (await addMove(world, 'move', 'web')).metadata
  await settle()
  expect(berthOf(world, 'web').migration).toMatchObject({ id, from: 'h1', to: 'h2', epoch: 2, phase: 'Preparing' })
  expect(operation(world, 'move')?.metadata.finalizers).toEqual(['berth/move'])
  expect(said(world, 'move')).toBe('InProgress MigrationPrepareTarget 3%')
  expect(machine(world, 'web').status?.conditions).toMatchObject([{ type: 'Migrating', status: 'True' }])

  world.agents.tellMigration('h2', uid, id, 'Prepared')
  await settle()
  expect(said(world, 'move')).toBe('InProgress Syncing 10%')
  world.agents.tellMigration('h1', uid, id, 'Transferring', {
    progress: { totalBytes: 100, remainingBytes: 50, iteration: 1 },
  })
  await settle()
  expect(said(world, 'move')).toBe('InProgress Syncing 27%')

  expect(counted.counts).toEqual({})
  world.agents.tellMigration('h2', uid, id, 'Committed', {
    endTime: '2026-01-01T00:00:30Z',
    progress: { downtimeMs: 80 },
  })
  await settle()
  expect(berthOf(world, 'web')).toMatchObject({
    placement: { node: 'h2', epoch: 2 },
    leaving: [{ node: 'h1', epoch: 1, until: id }],
    migration: { phase: 'Committed' },
  })
  expect(diskBerth(world, 'web-root')).toMatchObject({
    placement: { node: 'h2', epoch: 2 },
    leaving: [{ node: 'h1', epoch: 1, until: id }],
  })
  expect(said(world, 'move')).toBe('InProgress TargetResumed 92%')

  world.agents.tellMigration('h1', uid, id, 'Cleaned')
  await settle()
  expect(said(world, 'move')).toBe('Completed OperationCompleted 100%')
  expect(machine(world, 'web').status).toMatchObject({
    migrationState: { source: { node: 'h1' }, target: { node: 'h2' }, result: 'Succeeded' },
    conditions: [],
  })
  expect(events).toEqual(['Migrating: from h1 to h2 (move)', 'Migrated: from h1 to h2 (move)'])
  expect(counted.counts).toEqual({ 'berth_migrations_total{outcome=Completed}': 1 })
  expect(counted.values).toEqual({
    berth_migration_duration_seconds: [expect.any(Number)],
    berth_migration_downtime_seconds: [0.08],
  })
})

test('a target is asked for beside hosts that have not let go of the machine and of its disks', async () => {
  const { world, settle, leaving } = await moves()
  const vm = await addMachine(world, 'web', 'h1')
  const left = (node: string) => [{ node, epoch: 1, since: SINCE }]
  const named = { namespace: 'default', name: 'web', uid: vm.metadata.uid }
  await world.resources.modifyStatus<VirtualMachine>(VMS, named, (status) => withLeaving(status, left('h3')))
  const disk = world.reader.get<VirtualDisk>(DISKS, { namespace: 'default', name: 'web-root' })
  const ofDisk = { namespace: 'default', name: 'web-root', uid: disk?.metadata.uid ?? '' }
  await world.resources.modifyStatus<VirtualDisk>(DISKS, ofDisk, (status) => withLeaving(status, left('h2')))
  await addMove(world, 'move', 'web')
  await settle()
  expect(leaving).toEqual([['h3', 'h2']])
})

test('a move that waits for a host to let go is looked at when it has', async () => {
  const { world } = await moves()
  const woken: string[] = []
  const vm = await addMachine(world, 'web', 'h1')
  await addMachine(world, 'other', 'h1')
  const disk = world.reader.get<VirtualDisk>(DISKS, { namespace: 'default', name: 'web-root' })
  await addMove(world, 'move', 'web')
  const agents = { view: () => null, onChange: () => () => undefined }
  const end = wireMoves(world.reader, agents, { enqueue: (key) => woken.push(key) })
  const change = async <T extends VirtualMachine | VirtualDisk>(
    resource: string,
    object: T,
    leaving: readonly Leaving[],
  ) => {
    const target = { namespace: 'default', name: object.metadata.name, uid: object.metadata.uid }
    await world.resources.modifyStatus<T>(resource, target, (status) => withLeaving(status, leaving))
    return woken.splice(0)
  }
  const left = [{ node: 'h2', epoch: 1, since: SINCE }]
  expect(await change(VMS, vm, left)).toEqual(['default/web'])
  expect(await change(VMS, vm, [])).toEqual(['default/web'])
  expect(await change(DISKS, disk as VirtualDisk, left)).toEqual(['default/web'])
  expect(await change(DISKS, disk as VirtualDisk, [])).toEqual(['default/web'])
  expect(await change(DISKS, disk as VirtualDisk, [])).toEqual([])
  end()
})

test('deleting the operation calls the move off, and it goes when both hosts have given up', async () => {
  const { world, settle, events, counted } = await moves()
  const { uid } = (await addMachine(world, 'web', 'h1')).metadata
  const { uid: id } = (await addMove(world, 'move', 'web')).metadata
  await settle()
  world.agents.tellMigration('h2', uid, id, 'Prepared')
  await settle()
  await world.resources.delete(VM_OPERATIONS, { namespace: 'default', name: 'move' })
  await settle()
  expect(berthOf(world, 'web').migration).toMatchObject({ phase: 'Transferring', cancel: true })
  expect(said(world, 'move')).toBe('Terminating Aborting 10%')
  world.agents.tellMigration('h1', uid, id, 'Failed')
  await settle()
  expect(counted.counts).toEqual({ 'berth_migrations_total{outcome=Aborted}': 1 })
  expect(operation(world, 'move')).toBeNull()
  expect(berthOf(world, 'web')).toMatchObject({ placement: { node: 'h1', epoch: 1 }, leaving: [{ node: 'h2' }] })
  expect(events.at(-1)).toBe('MigrationFailed: from h1 to h2 (move): its operation was deleted')
})

test('a dead target: the machine stays by a higher epoch, and starts anew where the target had been asked to take it', async () => {
  const made = await moves()
  const { world, settle } = made
  await world.resources.create(STORAGE_CLASSES, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'nfs', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'berth/dir',
    parameters: { path: '/srv/nfs', shared: 'true' },
  } as never)
  const { uid } = (await addMachine(world, 'web', 'h1')).metadata
  const { uid: id } = (await addMove(world, 'move', 'web')).metadata
  await settle()
  world.agents.tellMigration('h2', uid, id, 'Prepared')
  await settle()
  world.agents.hush('h2')
  await settle()
  expect(said(world, 'move')).toBe('InProgress OutcomeUnknown 10%')
  made.dead = 'h2'
  await settle()
  expect(berthOf(world, 'web')).toMatchObject({
    placement: { node: 'h1', epoch: 3 },
    migration: { phase: 'Transferring', resolution: 'StartAnew' },
  })
  world.agents.tellMigration('h1', uid, id, 'Failed', { reason: 'StartedAnew', message: 'it starts anew' })
  await settle()
  expect(said(world, 'move')).toBe('Failed OperationFailed 10%')
  expect(made.events.at(-1)).toBe('MigrationFailed: from h1 to h2 (move): h2 is dead (fenced); it starts anew')
  expect(made.events).toContain('MigrationDecided: move: it stays on h1: h2 is dead (fenced)')
})

test('a scheduler that dies between any two steps goes on where it was', async () => {
  const dir = scratch()
  const first = await moves(dir)
  const { uid } = (await addMachine(first.world, 'web', 'h1')).metadata
  const { uid: id } = (await addMove(first.world, 'move', 'web')).metadata
  await first.settle()
  await first.world.end()
  const second = await moves(dir)
  expect(moveKeys(second.world.reader)).toEqual(['default/web'])
  second.world.agents.tellMigration('h2', uid, id, 'Prepared')
  await second.settle()
  expect(berthOf(second.world, 'web').migration?.phase).toBe('Transferring')
  await second.world.end()
  const third = await moves(dir)
  third.world.agents.tellMigration('h2', uid, id, 'Committed', { endTime: '2026-01-01T00:00:30Z' })
  third.world.agents.tellMigration('h1', uid, id, 'Cleaned')
  await third.settle()
  expect(said(third.world, 'move')).toBe('Completed OperationCompleted 100%')
  expect(berthOf(third.world, 'web').placement).toMatchObject({ node: 'h2', epoch: 2 })
  expect(diskBerth(third.world, 'web-root').placement).toMatchObject({ node: 'h2', epoch: 2 })
})

test('the third move that leaves a node waits for a slot, and takes it when one is free', async () => {
  const { world, settle } = await moves()
  const names = ['a', 'b', 'c']
  const uids = new Map<string, string>()
  for (const name of names) {
    uids.set(name, (await addMachine(world, name, 'h1')).metadata.uid)
    await addMove(world, `move-${name}`, name)
    await settle(name)
  }
  expect(said(world, 'move-c')).toBe('Pending MigrationPending 0%')
  expect(berthOf(world, 'c').migration).toBeUndefined()
  const id = operation(world, 'move-a')?.metadata.uid ?? ''
  world.agents.tellMigration('h2', uids.get('a') ?? '', id, 'Failed', { message: 'no space' })
  await settle('a')
  // Tried again at the same place, as the fake knows no other; an operator deletes it.
  await world.resources.delete(VM_OPERATIONS, { namespace: 'default', name: 'move-a' })
  await settle('a')
  expect(operation(world, 'move-a')).toBeNull()
  await settle('c')
  expect(said(world, 'move-c')).toBe('InProgress MigrationPrepareTarget 3%')
})

test('one that finds no target is given up after five minutes, and its wait is counted from its first try', async () => {
  const made = await moves()
  const { world, settle } = made
  made.target = { node: null, message: '0/3 nodes: 3 cordoned' }
  await addMachine(world, 'web', 'h1')
  await addMove(world, 'move', 'web')
  await settle()
  expect(said(world, 'move')).toBe('InProgress TargetUnschedulable 2%')
  await world.clock.advance(299_000)
  await settle()
  expect(said(world, 'move')).toBe('InProgress TargetUnschedulable 2%')
  await world.clock.advance(1_000)
  await settle()
  expect(said(world, 'move')).toBe('Failed TargetUnschedulable 2%')
})

test('a scheduler that may not decide leaves everything as it is, and says so', async () => {
  const made = await moves()
  made.frozen = 'another scheduler rules'
  await addMachine(made.world, 'web', 'h1')
  await addMove(made.world, 'move', 'web')
  await made.settle()
  expect(said(made.world, 'move')).toBe('Pending NotReadyToBeExecuted 0%')
  expect(berthOf(made.world, 'web').migration).toBeUndefined()
})
