// Lost hosts over a real store. Leases, fencing and placement are fakes that say what each test lets them say.
import { expect, test } from 'vitest'
import type { EventText } from '../../../lib/controllers/event-text.ts'
import { FailoverReconciler, HOSTS_KEY } from '../../../scheduler/failover/controller.ts'
import { deathOn } from '../../../scheduler/failover/death.ts'
import { fenceBy } from '../../../scheduler/failover/fence.ts'
import { Fencings } from '../../../scheduler/failover/fencings.ts'
import type { Lease } from '../../../scheduler/leases.ts'
import type { Node, StorageClass } from '../../../schemas/index.ts'
import { NODES, STORAGE_CLASSES } from '../../../schemas/resources.ts'
import { Counted } from '../../support/counted.ts'
import { settle } from '../../support/manual-clock.ts'
import { addMachine, berthOf, type ClusterWorld, clusterWorld, diskBerth, machine } from './cluster-world.ts'

const NAMES = ['h1', 'h2', 'h3']

interface Lost {
  readonly world: ClusterWorld
  readonly events: string[]
  readonly fenced: string[]
  readonly counted: Counted
  /** How fencing commands ended. */
  readonly attempts: string[]
  /** All hosts but these are heard now, and time goes on. */
  go(seconds: number, ...silent: readonly string[]): Promise<void>
  pass(key?: string): Promise<void>
  fence: () => Promise<string>
  frozen: string | null
}

async function lost(): Promise<Lost> {
  const world = await clusterWorld(NAMES)
  const { clock, resources } = world
  await resources.create<StorageClass>(STORAGE_CLASSES, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'nfs', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'berth/dir',
    parameters: { path: '/srv/nfs', shared: 'true' },
  } as never)
  const heard = new Map<string, number>()
  const events: string[] = []
  const fenced: string[] = []
  const counted = new Counted()
  const attempts: string[] = []
  const queue = new Set<string>()
  const made: Lost = {
    world,
    events,
    fenced,
    counted,
    attempts,
    fence: () => Promise.resolve('ipmi succeeded'),
    frozen: null,
    go: async (seconds, ...silent) => {
      for (let each = 0; each < seconds; each++) {
        for (const name of NAMES) if (!silent.includes(name)) heard.set(name, clock.monotonic())
        await made.pass()
        await clock.advance(1_000)
      }
    },
    pass: async (key = HOSTS_KEY) => {
      queue.add(key)
      for (const one of queue) {
        queue.delete(one)
        await reconciler.reconcile(one)
        await settle()
      }
    },
  }
  const command = {
    has: () => true,
    fence: (node: string) => {
      fenced.push(node)
      return made.fence()
    },
  }
  const fencings = new Fencings(command, clock, (_node, outcome) => {
    attempts.push(outcome)
    queue.add(HOSTS_KEY)
  })
  const reconciler = new FailoverReconciler({
    ...world,
    events: { record: (_, { reason }: EventText) => events.push(reason) },
    leases: {
      since: 0,
      get: (node) => {
        const heardAt = heard.get(node)
        return heardAt === undefined
          ? null
          : ({ node, bootId: 'b', machines: [], evidence: [], heardAt } satisfies Lease)
      },
    },
    members: () => NAMES,
    fencings,
    limits: {
      leaseMs: 15_000,
      graceMs: 6_000,
      fencingMs: 20_000,
      retryMs: 30_000,
      marginMs: 2_000,
      timeoutCounts: false,
    },
    wantsToRun: () => true,
    placeOf: (_, not) => ({ node: not === 'h1' ? 'h2' : 'h3' }),
    frozen: () => made.frozen,
    wake: (key) => queue.add(key),
    metrics: counted,
  })
  return made
}

const ENABLED = { annotations: { 'berth/failover': 'enabled' } }
const hostDead = ({ reader }: ClusterWorld, name: string) =>
  reader.get<Node>(NODES, { namespace: '', name })?.status?.conditions?.find(({ type }) => type === 'HostDead')
const failover = (world: ClusterWorld, name: string) =>
  machine(world, name).status?.conditions?.find(({ type }) => type === 'Failover')

test('a host that dies is fenced, its machine runs elsewhere within a minute, with its disks and a higher epoch', async () => {
  const { world, go, fenced, events, counted, attempts } = await lost()
  await addMachine(world, 'web', 'h1', ENABLED)
  await go(40)
  expect(fenced).toEqual([])
  const began = world.clock.now()
  while (berthOf(world, 'web').placement?.node === 'h1' && world.clock.now() - began < 120_000) await go(1, 'h1')
  expect(world.clock.now() - began).toBeLessThanOrEqual(60_000)
  expect(fenced).toEqual(['h1'])
  expect(hostDead(world, 'h1')).toMatchObject({ status: 'True', reason: 'Fenced', message: 'ipmi succeeded' })
  expect(berthOf(world, 'web')).toMatchObject({
    placement: { node: 'h2', epoch: 2 },
    leaving: [{ node: 'h1', epoch: 1 }],
  })
  expect(diskBerth(world, 'web-root')).toMatchObject({ placement: { node: 'h2', epoch: 2 }, leaving: [{ node: 'h1' }] })
  expect(failover(world, 'web')).toMatchObject({
    status: 'True',
    message: 'from h1 to h2; evidence that h1 is dead: fenced (ipmi succeeded)',
  })

  await go(2)
  expect(hostDead(world, 'h1')).toBeUndefined()
  expect(deathOn(world.reader, 'h1')).toBeNull()
  expect(berthOf(world, 'web').placement).toMatchObject({ node: 'h2', epoch: 2 })
  expect(events).toEqual(['HostLost', 'HostDead', 'FailedOver', 'HostBack'])
  expect(counted.counts).toEqual({ 'berth_failovers_total{evidence=fenced}': 1 })
  expect(attempts).toEqual(['succeeded'])
})

test('a machine that did not ask for it stays where it is, and says what it waits for', async () => {
  const { world, go, fenced } = await lost()
  await addMachine(world, 'web', 'h1')
  await go(40)
  await go(90, 'h1')
  expect(fenced).toEqual([])
  expect(berthOf(world, 'web').placement).toMatchObject({ node: 'h1', epoch: 1 })
  expect(failover(world, 'web')).toMatchObject({
    status: 'False',
    reason: 'WaitingForHost',
    message: expect.stringContaining('no annotation berth/failover'),
  })
  await go(2)
  expect(failover(world, 'web')).toBeUndefined()
})

test('fencing that fails is tried again, and nothing moves before it has worked', async () => {
  const made = await lost()
  const { world, go, fenced, events } = made
  made.fence = () => Promise.reject(new Error('ipmitool ended with exit code 1'))
  await addMachine(world, 'web', 'h1', ENABLED)
  await go(40)
  await go(45, 'h1')
  expect(fenced).toEqual(['h1'])
  expect(hostDead(world, 'h1')).toMatchObject({ status: 'Unknown', reason: 'FencingFailed' })
  expect(failover(world, 'web')).toMatchObject({ reason: 'WaitingForEvidence' })
  made.fence = () => Promise.resolve('ok')
  await go(15, 'h1')
  expect(fenced).toEqual(['h1', 'h1'])
  expect(berthOf(world, 'web').placement?.node).toBe('h2')
  expect(events).toContain('FencingFailed')
})

test('two of three hosts lost at once: nothing is fenced, and it goes on when one is back', async () => {
  const { world, go, fenced, events } = await lost()
  await addMachine(world, 'web', 'h1', ENABLED)
  await go(40)
  await go(90, 'h1', 'h2')
  expect(fenced).toEqual([])
  expect(hostDead(world, 'h1')?.reason).toBe('FailoverFrozen')
  expect(events).toContain('FailoverFrozen')
  await go(5, 'h1')
  expect(fenced).toEqual(['h1'])
  expect(berthOf(world, 'web').placement?.node).toBe('h2')
})

test('a restarted scheduler waits for leases and fencings of the earlier one, and so does one that may decide again', async () => {
  const made = await lost()
  const { world, go, fenced } = made
  await addMachine(world, 'web', 'h1', ENABLED)
  await go(30, 'h1')
  expect(fenced).toEqual([])
  made.frozen = 'another scheduler rules'
  await go(30, 'h1')
  made.frozen = null
  await go(34, 'h1')
  expect(fenced).toEqual([])
  await go(3, 'h1')
  expect(fenced).toEqual(['h1'])
})

test('a fencing command is a program: its end decides, its deadline ends it', async () => {
  const of = (...command: readonly string[]) => fenceBy({ command, nodes: { h9: ['false'] }, deadlineSeconds: 1 })
  const { signal } = new AbortController()
  expect(await of('test', '{node}', '=', 'h1').fence('h1', signal)).toBe('test succeeded')
  await expect(of('test', '{node}', '=', 'h1').fence('h2', signal)).rejects.toThrow(/test/)
  await expect(of('true').fence('h9', signal)).rejects.toThrow(/false/)
  await expect(of('sleep', '60').fence('h1', signal)).rejects.toThrow(/sleep/)
  expect(fenceBy({ nodes: {}, deadlineSeconds: 1 }).has('h1')).toBe(false)
})
