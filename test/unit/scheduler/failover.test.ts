// Lost hosts over a real store. Leases, fencing and placement are fakes that say what each test lets them say.
import { expect, test } from 'vitest'
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { EventText } from '../../../lib/controllers/event-text.ts'
import { silentLog } from '../../../lib/reconcile/log.ts'
import { FailoverReconciler, HOSTS_KEY } from '../../../scheduler/failover/controller.ts'
import { deathOn } from '../../../scheduler/failover/death.ts'
import { fenceBy } from '../../../scheduler/failover/fence.ts'
import { Fencings } from '../../../scheduler/failover/fencings.ts'
import { NO_PROMISE, Promises, promiseOf } from '../../../scheduler/failover/promises.ts'
import type { Lease } from '../../../scheduler/leases.ts'
import type { LeaseAsk } from '../../../schemas/cluster/leaserenewal.ts'
import type { Node, StorageClass, VirtualMachine } from '../../../schemas/index.ts'
import { NODES, STORAGE_CLASSES, VMS } from '../../../schemas/resources.ts'
import { Counted } from '../../support/counted.ts'
import { settle } from '../../support/manual-clock.ts'
import { addMachine, berthOf, type ClusterWorld, clusterWorld, diskBerth, machine } from './cluster-world.ts'
import { LIMITS } from './failover-limits.ts'

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
  isOver: boolean
  /** What hosts say in each renewal, and whether somebody hears it with the lease table of this process. */
  ask: Partial<LeaseAsk>
  canFence: boolean
  /** A Node whose status the store does not take. */
  unwritable: string | null
}

async function lost(earlier?: ClusterWorld): Promise<Lost> {
  const world = earlier ?? (await clusterWorld(NAMES))
  const { clock, resources, reader } = world
  const began = clock.monotonic()
  if (earlier === undefined)
    await resources.create<StorageClass>(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'nfs', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'berth/dir',
      parameters: { path: '/srv/nfs', shared: 'true' },
    } as never)
  const promises = new Promises({ reader, resources, storeId: 'store', log: silentLog })
  const heard = new Map<string, Lease>()
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
    isOver: false,
    ask: {},
    canFence: true,
    unwritable: null,
    go: async (seconds, ...silent) => {
      for (let each = 0; each < seconds; each++) {
        for (const name of NAMES) {
          if (silent.includes(name)) continue
          // As hosts do: machines with the annotation are asked for.
          const machines = reader.list<VirtualMachine>(VMS).flatMap((vm) => {
            const { placement } = berthOf(world, vm.metadata.name)
            const asks = vm.metadata.annotations?.['berth/failover'] === 'enabled' && placement?.node === name
            return asks ? [{ uid: vm.metadata.uid, epoch: placement.epoch }] : []
          })
          const ask = { node: name, bootId: 'b', sentAt: 0, machines, evidence: [], others: [], ...made.ask }
          await promises.remember(ask)
          heard.set(name, { ...ask, heardAt: clock.monotonic(), member: name })
        }
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
    has: () => made.canFence,
    fence: (node: string) => {
      fenced.push(node)
      return made.fence()
    },
  }
  const fencings = new Fencings(command, clock, (_node, outcome) => {
    attempts.push(outcome)
    queue.add(HOSTS_KEY)
  })
  const modifyStatus: Resources['modifyStatus'] = async (resource, target, change) => {
    if (target.name === made.unwritable) throw new Error(`no space for ${target.name}`)
    return await resources.modifyStatus(resource, target, change)
  }
  const reconciler = new FailoverReconciler({
    ...world,
    resources: { modify: (...args) => resources.modify(...args), modifyStatus },
    events: { record: (_, { reason }: EventText) => events.push(reason) },
    leases: {
      since: began,
      get: (node) => heard.get(node) ?? null,
    },
    storeId: 'store',
    members: () => NAMES,
    fencings,
    limits: LIMITS,
    wantsToRun: () => true,
    placeOf: (_, not) => ({ node: not === 'h1' ? 'h2' : 'h3' }),
    frozen: () => made.frozen,
    isOver: () => made.isOver,
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

test('a host on which other machines run is not powered off, until somebody asks for it; the request is dropped when it is back', async () => {
  const { world, go, fenced } = await lost()
  await addMachine(world, 'web', 'h1', ENABLED)
  await addMachine(world, 'db', 'h1')
  await addMachine(world, 'local', 'h1', { ...ENABLED, spec: { runPolicy: 'AlwaysOff' }, phase: 'Stopped' })
  await go(40)
  await go(60, 'h1')
  expect(fenced).toEqual([])
  expect(hostDead(world, 'h1')).toMatchObject({
    status: 'Unknown',
    reason: 'OthersRunThere',
    message: expect.stringMatching(
      /not for failover: default\/db; to power it off all the same: kubectl annotate node h1 berth\/fence=requested$/,
    ),
  })
  expect(failover(world, 'web')).toMatchObject({
    reason: 'WaitingForEvidence',
    message: expect.stringContaining('default/db'),
  })
  const annotations = (): Readonly<Record<string, string>> =>
    world.reader.get<Node>(NODES, { namespace: '', name: 'h1' })?.metadata.annotations ?? {}
  await world.resources.modify<Node>(NODES, { namespace: '', name: 'h1' }, (node) => ({
    ...node,
    metadata: { ...node.metadata, annotations: { 'berth/fence': 'requested', other: 'stays' } },
  }))
  await go(5, 'h1')
  expect(fenced).toEqual(['h1'])
  expect(berthOf(world, 'web').placement?.node).toBe('h2')
  expect(berthOf(world, 'db').placement?.node).toBe('h1')
  expect(annotations()).toHaveProperty('berth/fence')
  await go(2)
  expect(annotations()).toEqual({ other: 'stays' })
})

test('a machine of the host’s own spares it as well, as far as it was told', async () => {
  const made = await lost()
  const { world, go, fenced } = made
  made.ask = { others: ['default/own'] }
  await addMachine(world, 'web', 'h1', ENABLED)
  await go(40)
  await go(60, 'h1')
  expect(fenced).toEqual([])
  expect(hostDead(world, 'h1')?.message).toMatch(/not for failover: default\/own;/)
})

test('what a host promised is known to a restarted scheduler, which waits first; not of a machine that came later', async () => {
  const first = await lost()
  const { world } = first
  const web = await addMachine(world, 'web', 'h1', ENABLED)
  await addMachine(world, 'late', 'h1', ENABLED)
  const evidence = [{ kind: 'watchdog' as const, seconds: 10 }]
  first.ask = { evidence, machines: [{ uid: web.metadata.uid, epoch: 1, fenced: true }] }
  await first.go(3)
  const restarted = await lost(world)
  restarted.canFence = false
  restarted.ask = { evidence }
  await restarted.go(34, 'h1')
  expect(berthOf(world, 'web').placement?.node).toBe('h1')
  await restarted.go(4, 'h1')
  expect(hostDead(world, 'h1')).toMatchObject({ status: 'True', reason: 'WatchdogExpired' })
  expect(deathOn(world.reader, 'h1')).toMatchObject({ covers: { [web.metadata.uid]: 1 } })
  expect(berthOf(world, 'web').placement).toMatchObject({ node: 'h2', epoch: 2 })
  expect(berthOf(world, 'late').placement?.node).toBe('h1')
  expect(failover(world, 'late')).toMatchObject({ reason: 'WaitingForEvidence' })
})

test('a host that was cut off before it heard of the annotation may start the machine by itself: it stays, fenced or not', async () => {
  const { world, go, fenced } = await lost()
  await addMachine(world, 'web', 'h1', ENABLED)
  await go(40)
  const late = await addMachine(world, 'late', 'h1', ENABLED)
  await go(60, 'h1')
  expect(fenced).toEqual(['h1'])
  expect(berthOf(world, 'web').placement?.node).toBe('h2')
  expect(berthOf(world, 'late').placement?.node).toBe('h1')
  expect(failover(world, 'late')?.message).toMatch(/not known that the host.* knew that this machine is for failover/)
  expect(deathOn(world.reader, 'h1')?.covers).not.toHaveProperty(late.metadata.uid)
})

test('a promise counts in the store that it was written to, and shows less only once it is stored', async () => {
  const world = await clusterWorld(['h1'])
  const { reader, resources } = world
  const node = () => reader.get<Node>(NODES, { namespace: '', name: 'h1' })
  let full = false
  const stored: Pick<Resources, 'modifyStatus'> = {
    modifyStatus: (...all) => (full ? Promise.reject(new Error('the disk is full')) : resources.modifyStatus(...all)),
  }
  const promises = new Promises({ reader, resources: stored, storeId: 'this', log: silentLog })
  const ask = (uids: readonly string[], seconds = 10): LeaseAsk => ({
    node: 'h1',
    bootId: 'b',
    sentAt: 0,
    machines: uids.map((uid) => ({ uid, epoch: 1, fenced: true })),
    evidence: [{ kind: 'watchdog', seconds }],
    others: [],
  })
  await promises.remember(ask(['a']))
  expect(promiseOf(node(), 'this')).toMatchObject({ covers: { a: 1 } })
  expect(promiseOf(node(), 'another')).toEqual(NO_PROMISE)
  const before = node()?.metadata.resourceVersion
  await promises.remember(ask(['a']))
  expect(node()?.metadata.resourceVersion).toBe(before)
  full = true
  await promises.remember(ask(['a', 'b']))
  await promises.remember(ask(['a'], 9))
  await expect(promises.remember(ask(['b']))).rejects.toThrow(/full/)
  await expect(promises.remember(ask(['a'], 11))).rejects.toThrow(/full/)
  full = false
  // One after the other, whichever is faster.
  await Promise.all([promises.remember(ask(['a', 'b'])), promises.remember(ask([]))])
  expect(promiseOf(node(), 'this')).toMatchObject({ covers: {}, asks: {} })
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

test('a scheduler that is superseded says nothing of leases any more; of what is dead it does', async () => {
  const made = await lost()
  const { world, go } = made
  await addMachine(world, 'web', 'h1', ENABLED)
  await addMachine(world, 'db', 'h3')
  await go(40)
  await go(40, 'h1')
  await go(20, 'h3')
  expect([hostDead(world, 'h1')?.status, hostDead(world, 'h3')?.status]).toEqual([undefined, 'Unknown'])
  expect(failover(world, 'db')).toMatchObject({ status: 'False' })
  made.frozen = 'another scheduler rules'
  await go(1)
  expect(hostDead(world, 'h3')).toBeDefined()
  made.isOver = true
  await go(2)
  expect(hostDead(world, 'h3')).toBeUndefined()
  expect(failover(world, 'db')).toBeUndefined()
  expect(failover(world, 'web')).toMatchObject({ status: 'True' })
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

test('a host of which nothing can be written keeps nobody from hearing of another, and the pass fails with its reason', async () => {
  const one = await lost()
  await one.go(30)
  one.unwritable = 'h2'
  await one.go(12, 'h2', 'h3').catch(() => undefined)
  await one.world.clock.advance(6_000)
  await expect(one.pass()).rejects.toThrow('no space for h2')
  const words = (name: string) =>
    one.world.reader
      .get<Node>(NODES, { namespace: '', name })
      ?.status?.conditions?.find(({ type }) => type === 'HostDead')?.status
  expect([words('h2'), words('h3')]).toEqual([undefined, 'Unknown'])
})
