// The drain of a node over a real store. Nobody moves the machines here: what moves would do is said by the test.
import { describe, expect, it, test } from 'vitest'
import type { EventText } from '../../../../lib/controllers/event-text.ts'
import { nameOf } from '../../../../lib/object.ts'
import { Cluster, nodeFacts, vmFacts } from '../../../../lib/placement/index.ts'
import { DrainReconciler, drainKeys } from '../../../../scheduler/controllers/drain/controller.ts'
import { previewDrain } from '../../../../scheduler/controllers/drain/preview.ts'
import type { Node, VirtualMachine, VirtualMachineOperation } from '../../../../schemas/index.ts'
import { NODES, VM_OPERATIONS, VMS } from '../../../../schemas/resources.ts'
import { addMachine, type ClusterWorld, clusterWorld, SINCE } from '../cluster-world.ts'

const node = ({ reader }: ClusterWorld) => reader.get<Node>(NODES, { namespace: '', name: 'h1' })
const draining = (world: ClusterWorld) => node(world)?.status?.conditions?.find(({ type }) => type === 'Draining')
const operations = ({ reader }: ClusterWorld) => reader.list<VirtualMachineOperation>(VM_OPERATIONS)

const ask = (world: ClusterWorld, unschedulable: boolean) =>
  world.resources.modify<Node>(NODES, { namespace: '', name: 'h1' }, (current) => ({
    ...current,
    metadata: {
      ...current.metadata,
      annotations: { ...current.metadata.annotations, ...(unschedulable ? { 'berth/drain': 'requested' } : {}) },
    },
    spec: { unschedulable },
  }))

test('machines are evicted, then the node is drained; uncordon ends it', async () => {
  const world = await clusterWorld(['h1', 'h2'])
  const events: string[] = []
  const reconciler = new DrainReconciler({
    ...world,
    events: { record: (_, { reason }: EventText) => events.push(reason) },
    priorityOf: () => 0,
    helpFor: () => null,
    frozen: () => null,
    parallel: 2,
  })
  const pass = () => reconciler.reconcile('/h1')
  await addMachine(world, 'web', 'h1', { spec: { liveMigrationPolicy: 'AlwaysForced' } })
  const stopped = await addMachine(world, 'db', 'h1', { phase: 'Stopped' })
  await addMachine(world, 'other', 'h2')
  expect(drainKeys(world.reader)).toEqual([])
  expect(await pass()).toEqual({ kind: 'done' })

  await ask(world, true)
  expect(drainKeys(world.reader)).toEqual(['/h1'])
  await pass()
  expect(draining(world)).toMatchObject({ status: 'True', reason: 'EvacuationInProgress' })
  await pass()
  expect(operations(world)).toMatchObject([
    {
      metadata: { annotations: { 'berth/eviction-cause': 'h1' }, name: expect.stringMatching(/^evacuation-web-/) },
      spec: { type: 'Evict', virtualMachineName: 'web', force: true },
    },
  ])

  const web = world.reader.get<VirtualMachine>(VMS, { namespace: 'default', name: 'web' }) as VirtualMachine
  await world.resources.modifyStatus<VirtualMachine>(
    VMS,
    { ...nameOf(web), uid: web.metadata.uid },
    (status) => ({ ...status, berth: { placement: { node: 'h2', epoch: 2, since: SINCE } } }) as never,
  )
  await pass()
  expect(draining(world)).toMatchObject({
    status: 'False',
    reason: 'Drained',
    message: `no machine runs; stopped, with disks here: default/${stopped.metadata.name}`,
  })

  await ask(world, false)
  await pass()
  expect(draining(world)).toBeUndefined()
  expect(node(world)?.metadata.annotations).toBeUndefined()
  expect(events).toEqual(['DrainStarted', 'Drained', 'DrainEnded'])
})

test('uncordoned before they began: evictions are called off', async () => {
  const world = await clusterWorld(['h1', 'h2'])
  const quiet = { record: () => undefined }
  const reconciler = new DrainReconciler({
    ...world,
    events: quiet,
    priorityOf: () => 0,
    helpFor: () => null,
    frozen: () => null,
    parallel: 2,
  })
  await addMachine(world, 'web', 'h1')
  await ask(world, true)
  await reconciler.reconcile('/h1')
  expect(operations(world)).toHaveLength(1)
  await ask(world, false)
  await reconciler.reconcile('/h1')
  expect(operations(world)).toEqual([])
})

test('a scheduler that may not decide moves nothing, and says why', async () => {
  const world = await clusterWorld(['h1', 'h2'])
  const reconciler = new DrainReconciler({
    ...world,
    events: { record: () => undefined },
    priorityOf: () => 0,
    helpFor: () => null,
    frozen: () => 'another scheduler rules',
    parallel: 2,
  })
  await addMachine(world, 'web', 'h1')
  await ask(world, true)
  await reconciler.reconcile('/h1')
  expect(operations(world)).toEqual([])
  expect(draining(world)).toMatchObject({
    reason: 'EvacuationInProgress',
    message: 'nothing is moved now: another scheduler rules',
  })
})

describe('a preview', () => {
  const big = { milliCpu: 1_000, memoryBytes: 1_000 }
  const host = (name: string, memoryBytes: number) => nodeFacts({ name, milliCpu: 10_000, memoryBytes })
  const vm = (name: string, more = {}) => vmFacts({ uid: name, name, ...big, ...more })

  it('each machine counts for the next, the more important first, and nothing is changed', () => {
    const cluster = new Cluster()
    for (const each of [host('h1', 9_000), host('h2', 1_000), host('h3', 1_000)]) cluster.upsertNode(each)
    const machines = [vm('a'), vm('b'), vm('vip', { priority: 5 })]
    for (const each of machines) cluster.place(each, 'h1')
    const answer = previewDrain(cluster, { node: 'h1', machines, refusal: () => null })
    expect(answer.map(({ name, target }) => `${name} ${target}`)).toEqual(['vip h2', 'a h3', 'b undefined'])
    expect(answer[2]?.message).toMatch(/0\/3 nodes: 2 insufficient memory.*1 where it is now/)
    expect(answer[2]?.help).toBe('what would help: stop or move machines on other hosts, or add a host')
    expect(machines.map(({ uid }) => cluster.placesOf(uid))).toEqual([['h1'], ['h1'], ['h1']])
  })
  it('says of a machine that cannot be moved what it says itself', () => {
    const cluster = new Cluster()
    for (const each of [host('h1', 9_000), host('h2', 9_000)]) cluster.upsertNode(each)
    cluster.place(vm('a'), 'h1')
    const answer = previewDrain(cluster, { node: 'h1', machines: [vm('a')], refusal: () => 'it has a GPU' })
    expect(answer).toEqual([{ namespace: 'default', name: 'a', message: 'it has a GPU' }])
  })
})
