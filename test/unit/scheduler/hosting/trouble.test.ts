// Bad days: agents that hang or are gone, a scheduler that dies between two writes, two schedulers, an old store. Agents are fakes.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ApiError } from '../../../../lib/errors.ts'
import { nameOf } from '../../../../lib/object.ts'
import { HOSTS_FINALIZER } from '../../../../scheduler/controllers/virtualmachine/finalizer.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type HostBinding,
  type Node,
  type VirtualMachine,
} from '../../../../schemas/index.ts'
import { DISKS, HOST_BINDINGS, NODES, VMS } from '../../../../schemas/resources.ts'
import { ClusterWorld, createVm, PATIENT, runningWords, type SchedulerWorld, soon, vmOf } from './world.ts'

const phaseOf = (world: SchedulerWorld, name: string) => vmOf(world, name)?.status?.phase
const placeOf = (world: SchedulerWorld, name: string) => clusterStatusOf<ClusterVmStatus>(vmOf(world, name)).placement

describe('a host that takes requests and does not answer', PATIENT, () => {
  it('holds up no other', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1', { cpu: 16 })
    await cluster.agent('h2')
    const world = await cluster.scheduler()
    h1.hang = true
    for (let at = 0; at < 12; at++)
      await createVm(world, `stuck-${at}`, {
        memory: '64Mi',
        cores: 1,
        spec: { nodeSelector: { 'kubernetes.io/hostname': 'h1' } },
      })
    await createVm(world, 'free', { spec: { nodeSelector: { 'kubernetes.io/hostname': 'h2' } } })
    await soon(() => phaseOf(world, 'free')).toBe('Running')
    h1.hang = false
  })
})

describe('a scheduler that died', PATIENT, () => {
  it('after a decision and before the host heard of it: the host hears of it', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const first = await cluster.scheduler()
    h1.refuse = new ApiError('ServiceUnavailable', 'not now')
    await createVm(first, 'web')
    await soon(() => placeOf(first, 'web')?.node).toBe('h1')
    await first.end()
    h1.refuse = null
    const second = await cluster.scheduler()
    await soon(() => phaseOf(second, 'web')).toBe('Running')
    expect(placeOf(second, 'web')).toMatchObject({ node: 'h1', epoch: 1 })
    expect(vmOf(second, 'web')?.metadata.finalizers).toContain(HOSTS_FINALIZER)
  })

  it('after the disk was given to a host and before the machine was: the machine follows its disk', async () => {
    const cluster = new ClusterWorld()
    await cluster.agent('h1', { cpu: 2 })
    await cluster.agent('h2', { cpu: 32 })
    const first = await cluster.scheduler()
    await createVm(first, 'web', { runPolicy: 'AlwaysOff' })
    await first.end()
    const second = await cluster.scheduler()
    const disk = second.reader.list(DISKS)[0]
    if (disk === undefined) throw new Error('no disk')
    await second.resources.modifyStatus(DISKS, { ...nameOf(disk), uid: disk.metadata.uid }, (status) => ({
      ...(status as object),
      berth: { placement: { node: 'h1', epoch: 1, since: '2026-01-01T00:00:00Z' } },
    }))
    await second.resources.modify<VirtualMachine>(VMS, { namespace: 'default', name: 'web' }, (vm) => ({
      ...vm,
      spec: { ...vm.spec, runPolicy: 'AlwaysOn' },
    }))
    await soon(() => vmOf(second, 'web')?.status?.nodeName).toBe('h1')
  })

  it('in the middle of a deletion: it goes on, and nothing is left anywhere', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const first = await cluster.scheduler()
    await createVm(first, 'web')
    await soon(() => phaseOf(first, 'web')).toBe('Running')
    h1.refuse = new ApiError('ServiceUnavailable', 'not now')
    await first.resources.delete(VMS, { namespace: 'default', name: 'web' })
    await first.end()
    h1.refuse = null
    const second = await cluster.scheduler()
    await soon(() => vmOf(second, 'web')).toBe(null)
    await soon(() => h1.reader.list(VMS).length).toBe(0)
  })
})

describe('two schedulers', PATIENT, () => {
  it('the older one stops when a host tells it of the newer one', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const first = await cluster.scheduler('first')
    await soon(() => first.hosting.ruler.state.kind).toBe('ruling')
    h1.refuse = new ApiError('Conflict', 'the scheduler is superseded', {
      causes: [{ path: 'spec.ruler.instance', reason: 'FieldValueForbidden', message: 'superseded' }],
    })
    await createVm(first, 'web')
    await soon(() => first.hosting.ruler.state.kind).toBe('superseded')
    h1.refuse = null
    await createVm(first, 'other')
    await soon(() => runningWords(first, 'other')).toMatch(/another scheduler rules this cluster: h1 says/)
    // What was on its way when the word came may have arrived; nothing was sent after it.
    const sent = h1.reader.list<HostBinding>(HOST_BINDINGS).map(({ spec }) => spec.subject.name)
    expect(sent.filter((name) => name.startsWith('other'))).toEqual([])
  })

  it('one with an older copy of the store does nothing and says what to do', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const first = await cluster.scheduler('first')
    await soon(() => first.hosting.ruler.state.kind).toBe('ruling')
    await first.end()
    copyFileSync(join(cluster.dir, 'first.db'), join(cluster.dir, 'second.db'))
    const again = await cluster.scheduler('first')
    await createVm(again, 'web')
    await soon(() => phaseOf(again, 'web')).toBe('Running')
    h1.ruler.revision = String(again.store.revision())
    await again.end()
    const old = await cluster.scheduler('second')
    await soon(() => old.hosting.ruler.state.kind).toBe('outdated')
    expect(old.hosting.ruler.refusal()).toMatch(/old copy.*--rebuild/)
    await new Promise((resolve) => setTimeout(resolve, 300))
    // What it does not know is still there.
    expect(h1.reader.list(VMS).length).toBe(1)
  })
})

describe('what a host has and the scheduler does not know', PATIENT, () => {
  it('is told and never touched', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const first = await cluster.scheduler('first')
    await createVm(first, 'web')
    await soon(() => phaseOf(first, 'web')).toBe('Running')
    const known = [DISKS, VMS].flatMap((resource) =>
      first.reader.list(resource).map((object) => ({ resource, object })),
    )
    await first.end()
    Object.assign(h1.ruler, { instance: '', term: 0, revision: '0' })
    const other = await cluster.scheduler('other')
    const node = () => other.reader.get<Node>(NODES, { namespace: '', name: 'h1' })
    await soon(() => node()?.status?.conditions?.find(({ type }) => type === 'KnownToScheduler')?.message).toMatch(
      /does not know virtualdisks default\/web-root, virtualmachines default\/web/,
    )
    expect(h1.reader.list(VMS).length).toBe(1)
    const orphaned = () =>
      h1.reader.list(HOST_BINDINGS).filter(({ metadata }) => metadata.annotations?.['berth/orphaned'] !== undefined)
    await soon(() => orphaned().length).toBe(2)

    for (const { resource, object } of known) await other.resources.recreate(resource, object)
    await soon(() => node()?.status?.conditions?.find(({ type }) => type === 'KnownToScheduler')).toMatchObject({
      status: 'True',
      reason: 'AllKnown',
    })
  })
})

describe('a host that left', PATIENT, () => {
  it('leaves its machines where they are, in words', async () => {
    const cluster = new ClusterWorld()
    await cluster.agent('h1')
    const world = await cluster.scheduler()
    await createVm(world, 'web')
    await soon(() => phaseOf(world, 'web')).toBe('Running')
    cluster.clients.remove('h1')
    await soon(() => runningWords(world, 'web')).toMatch(/Unknown HostGone: its host h1 is no member/)
    expect(placeOf(world, 'web')?.node).toBe('h1')
  })
})
