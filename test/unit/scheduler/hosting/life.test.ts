// The life of machines over several hosts: a real store and real sockets; the agents are fakes (see test/support/fake-agents.ts).
import { describe, expect, it } from 'vitest'
import { getCondition } from '../../../../lib/conditions.ts'
import { ApiError } from '../../../../lib/errors.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type HostBinding,
  type VirtualDisk,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../../schemas/index.ts'
import { DISKS, HOST_BINDINGS, NODES, VM_OPERATIONS, VMS } from '../../../../schemas/resources.ts'
import { ClusterWorld, createDisk, createVm, operate, PATIENT, runningWords, soon, vmOf } from './world.ts'

const placeOf = (world: Parameters<typeof vmOf>[0], name: string) =>
  clusterStatusOf<ClusterVmStatus>(vmOf(world, name)).placement

describe('a machine at a scheduler', PATIENT, () => {
  it('is given to a host with its disk, and what the host tells is its status', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const world = await cluster.scheduler()
    const made = await createVm(world, 'web')
    await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Running')
    expect(vmOf(world, 'web')?.status?.nodeName).toBe('h1')
    expect(placeOf(world, 'web')).toMatchObject({ node: 'h1', epoch: 1 })
    const binding = h1.puts.find(({ metadata }) => metadata.name === made.metadata.uid)
    expect(binding?.spec).toMatchObject({ role: 'Owner', epoch: 1 })
    expect(binding?.objects?.map(({ kind }) => kind)).toEqual([
      'VirtualMachine',
      'VirtualDisk',
      'StorageClass',
      'VirtualMachineClass',
    ])
    await soon(() => world.reader.list(DISKS)[0]?.status).toMatchObject({ phase: 'Ready' })
    // The host's own memory is kept for its next host.
    expect(clusterStatusOf<ClusterVmStatus>(vmOf(world, 'web')).host).toMatchObject({ machineType: 'pc-q35-7.2' })
  })

  it('is put once, and what its host tells of it later makes nobody look at its binding', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const world = await cluster.scheduler()
    const { metadata } = await createVm(world, 'web')
    await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Running')
    await soon(() => world.reader.list(DISKS)[0]?.status).toMatchObject({ phase: 'Ready' })
    await soon(() => world.counted.counts['berth_binding_puts_total{outcome=taken}']).toBe(2)
    await soon(() => world.hosting.binder.depth).toBe(0)
    const before = world.passes.binder
    const target = { namespace: 'default', name: 'web', uid: metadata.uid }
    await h1.server.resources.modifyStatus<VirtualMachine>(
      VMS,
      target,
      (status) => ({ ...status, phase: 'Pause', ipAddress: '10.66.10.9' }) as VirtualMachine['status'],
    )
    await soon(() => vmOf(world, 'web')?.status?.ipAddress).toBe('10.66.10.9')
    expect(world.passes.binder).toBe(before)
    expect(h1.puts).toHaveLength(2)
  })

  it('says what every host lacks, and goes on by itself when there is room', async () => {
    const cluster = new ClusterWorld()
    await cluster.agent('h1', { cpu: 2 })
    const world = await cluster.scheduler()
    await createVm(world, 'big', { cores: 4 })
    await soon(() => runningWords(world, 'big')).toMatch(/False PodNotStarted: 0\/1 nodes: 1 insufficient cpu/i)
    expect(vmOf(world, 'big')?.status?.phase).toBe('Pending')
    await world.resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'h2' }, spec: {} } as never)
    await cluster.agent('h2', { cpu: 8 })
    await soon(() => vmOf(world, 'big')?.status?.nodeName).toBe('h2')
  })

  it('goes to another host when the first one refuses', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1', { cpu: 16 })
    await cluster.agent('h2', { cpu: 2 })
    const world = await cluster.scheduler()
    await soon(() => world.hosting.placement.cluster.hosts.filter(({ facts }) => facts.notReady === null).length).toBe(
      2,
    )
    h1.refuse = new ApiError('Conflict', 'it does not fit h1: 0.5 GiB free')
    await createVm(world, 'web')
    await soon(() => vmOf(world, 'web')?.status?.nodeName).toBe('h2')
    expect(placeOf(world, 'web')?.epoch).toBe(2)
    expect(world.told.some((line) => line.includes('HostRefused'))).toBe(true)
  })

  it('is deleted on its host before it is gone here, and is forgotten there', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const world = await cluster.scheduler()
    await createVm(world, 'web')
    await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Running')
    await world.resources.delete(VMS, { namespace: 'default', name: 'web' })
    await soon(() => vmOf(world, 'web')).toBe(null)
    await soon(() => h1.reader.list(VMS).length).toBe(0)
    await soon(() =>
      h1.reader.list(HOST_BINDINGS).map(({ spec }) => (spec as { subject: { name: string } }).subject.name),
    ).toEqual(['web-root'])
    await world.resources.delete(DISKS, { namespace: 'default', name: 'web-root' })
    await soon(() => world.reader.list(DISKS).length).toBe(0)
    await soon(() => h1.reader.list(HOST_BINDINGS).length).toBe(0)
  })

  it('forgets a host that a disk has left, once that one has let it go', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    await cluster.agent('h2')
    const world = await cluster.scheduler()
    const { uid } = (await createDisk(world, 'data')).metadata
    const remember = (berth: ClusterDiskStatus) =>
      world.resources.modifyStatus(
        DISKS,
        { namespace: 'default', name: 'data', uid },
        (status) => ({ ...(status as object | undefined), berth }) as never,
      )
    const diskBerth = () => clusterStatusOf<ClusterDiskStatus>(world.reader.list(DISKS)[0] ?? null)
    const since = '2026-01-01T00:00:00Z'
    await remember({ placement: { node: 'h1', epoch: 1, since } })
    const roleAtH1 = () => h1.reader.list<HostBinding>(HOST_BINDINGS)[0]?.spec.role
    await soon(roleAtH1).toBe('Owner')
    await remember({
      placement: { node: 'h2', epoch: 2, since },
      leaving: [{ node: 'h1', epoch: 1, since, until: 'of the move' }],
    })
    await soon(roleAtH1).toBe('Released')
    await soon(diskBerth).toEqual({ placement: { node: 'h2', epoch: 2, since }, epoch: 2 })
  })

  it('says of a disk that a host has by a later epoch that this store is older, and tells no host of it', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    await cluster.agent('h2')
    const world = await cluster.scheduler()
    const target = { namespace: 'default', name: 'data', uid: (await createDisk(world, 'data')).metadata.uid }
    const since = '2026-01-01T00:00:00Z'
    const remember = (berth: ClusterDiskStatus) =>
      world.resources.modifyStatus(DISKS, target, (status) => ({ ...(status as object | undefined), berth }) as never)
    const bindings = () => h1.reader.list<HostBinding>(HOST_BINDINGS).map(({ spec: { role, epoch } }) => [role, epoch])
    await remember({ placement: { node: 'h1', epoch: 2, since } })
    await soon(bindings).toEqual([['Owner', 2]])
    // As a backup from before has it.
    await remember({ placement: { node: 'h2', epoch: 1, since } })
    const status = () => world.reader.list<VirtualDisk>(DISKS)[0]?.status
    await soon(() => getCondition(status()?.conditions, 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'StaleEpoch',
      message: expect.stringMatching(/^h1 has it by epoch 2, .* epoch 1 only: .* --rebuild --missing/),
    })
    await world.resources.delete(DISKS, target)
    await soon(() => world.hosting.binder.depth).toBe(0)
    expect(bindings()).toEqual([['Owner', 2]])
  })

  it('takes operations down and brings their outcome up; stopped, it keeps its host and no room', async () => {
    const cluster = new ClusterWorld()
    await cluster.agent('h1', { cpu: 1 })
    const world = await cluster.scheduler()
    await createVm(world, 'web')
    await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Running')
    await operate(world, 'off', 'Stop', 'web')
    const phaseOf = (name: string) =>
      world.reader.get<VirtualMachineOperation>(VM_OPERATIONS, { namespace: 'default', name })?.status?.phase
    await soon(() => phaseOf('off')).toBe('Completed')
    await soon(() => placeOf(world, 'web')).toMatchObject({ node: 'h1', idle: true })
    // Its room is free for another one.
    await createVm(world, 'other')
    await soon(() => vmOf(world, 'other')?.status?.phase).toBe('Running')
    await operate(world, 'on', 'Start', 'web')
    await soon(() => runningWords(world, 'web')).toMatch(/its host h1: not enough cpu/i)
    expect(phaseOf('on')).not.toBe('Completed')
    await operate(world, 'other-off', 'Stop', 'other')
    await soon(() => phaseOf('on')).toBe('Completed')
    await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Running')
  })

  it('is not put at a host anew by a scheduler that restarts', async () => {
    const cluster = new ClusterWorld()
    const h1 = await cluster.agent('h1')
    const first = await cluster.scheduler()
    await createVm(first, 'web')
    await soon(() => vmOf(first, 'web')?.status?.phase).toBe('Running')
    await soon(() => first.hosting.binder.depth).toBe(0)
    await first.end()
    const puts = h1.puts.length
    const second = await cluster.scheduler()
    await soon(() => second.hosting.ruler.state.kind).toBe('ruling')
    await soon(() => second.hosting.agents.view('h1')?.inSync).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(h1.puts.length).toBe(puts)
    expect(second.hosting.ruler.term).toBe(2)
  })
})

describe('operations of a machine without a host', PATIENT, () => {
  const phaseOf = (world: Parameters<typeof vmOf>[0], name: string) =>
    world.reader.get<VirtualMachineOperation>(VM_OPERATIONS, { namespace: 'default', name })?.status?.phase

  it('stops one that waits, which then waits no more, and starts it again', async () => {
    const cluster = new ClusterWorld()
    const world = await cluster.scheduler()
    await createVm(world, 'web')
    await soon(() => runningWords(world, 'web')).toMatch(/PodNotStarted/)
    await operate(world, 'off', 'Stop', 'web')
    await soon(() => phaseOf(world, 'off')).toBe('Completed')
    await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Stopped')
    await operate(world, 'on', 'Start', 'web')
    await soon(() => phaseOf(world, 'on')).toBe('Pending')
    await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Pending')
    await world.resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'h1' }, spec: {} } as never)
    await cluster.agent('h1')
    await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Running')
    await soon(() => phaseOf(world, 'on')).toBe('Completed')
  })

  it('refuses in words what does not apply', async () => {
    const cluster = new ClusterWorld()
    const world = await cluster.scheduler()
    await createVm(world, 'web')
    await operate(world, 'none', 'Start', 'nobody')
    await operate(world, 'again', 'Restart', 'web')
    await soon(() => phaseOf(world, 'none')).toBe('Failed')
    await soon(() => phaseOf(world, 'again')).toBe('Failed')
  })
})
