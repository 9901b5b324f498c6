// Who gets room, and who makes it: priorities, groups, spreading. Agents are fakes (see test/support/fake-agents.ts).
import { describe, expect, it } from 'vitest'
import { type ClusterVmStatus, clusterStatusOf } from '../../../../schemas/index.ts'
import { NODES, PRIORITY_CLASSES, VMS } from '../../../../schemas/resources.ts'
import { ClusterWorld, createVm, PATIENT, runningWords, type SchedulerWorld, soon, vmOf } from './world.ts'

const nodeOf = (world: SchedulerWorld, name: string) =>
  clusterStatusOf<ClusterVmStatus>(vmOf(world, name)).placement?.node
const phaseOf = (world: SchedulerWorld, name: string) => vmOf(world, name)?.status?.phase

const priorityClass = ({ resources }: SchedulerWorld, name: string, value: number) =>
  resources.create(PRIORITY_CLASSES, {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
  } as never)

const apart = {
  affinity: {
    virtualMachineAndPodAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' },
      ],
    },
  },
}

describe('room', PATIENT, () => {
  it('is spread over hosts by anti-affinity; one too many says why', async () => {
    const cluster = new ClusterWorld()
    for (const node of ['h1', 'h2', 'h3']) await cluster.agent(node)
    const world = await cluster.scheduler()
    // By then systemd is told that the scheduler is ready.
    await world.hosting.agents.asked
    await soon(() => world.hosting.ruler.refusal()).toBeNull()
    for (const name of ['a', 'b', 'c', 'd']) await createVm(world, name, { labels: { app: 'web' }, spec: apart })
    await soon(() => ['a', 'b', 'c', 'd'].filter((name) => phaseOf(world, name) === 'Running').length).toBe(3)
    const nodes = ['a', 'b', 'c', 'd'].flatMap((name) => nodeOf(world, name) ?? [])
    expect(new Set(nodes).size).toBe(3)
    const left = ['a', 'b', 'c', 'd'].find((name) => nodeOf(world, name) === undefined) ?? ''
    await soon(() => runningWords(world, left)).toMatch(/0\/3 nodes: 3 .*anti-affinity/)
    const { counts, values } = world.counted
    expect(counts['berth_placement_decisions_total{outcome=placed}']).toBeGreaterThanOrEqual(3)
    expect(counts['berth_placement_decisions_total{outcome=refused}']).toBeGreaterThan(0)
    expect(values.berth_placement_decision_duration_seconds?.length).toBeGreaterThan(3)
    // What a host does may be heard before its answer.
    await soon(() => counts['berth_binding_puts_total{outcome=taken}']).toBeGreaterThanOrEqual(3)
    await soon(() => values.berth_mirror_lag_seconds?.length ?? 0).toBeGreaterThan(0)
    await soon(() => [...world.hosting.machines.waits.counts()]).toEqual([['AntiAffinity', 1]])
    await world.resources.delete(VMS, { namespace: 'default', name: left })
    await soon(() => [...world.hosting.machines.waits.counts()]).toEqual([])
  })

  it('is made by stopping what matters less, by its grace; that waits then', async () => {
    const cluster = new ClusterWorld()
    await cluster.agent('h1', { cpu: 2 })
    const world = await cluster.scheduler()
    await priorityClass(world, 'high', 1000)
    await createVm(world, 'batch', { cores: 2 })
    await soon(() => phaseOf(world, 'batch')).toBe('Running')
    await createVm(world, 'vital', { cores: 2, spec: { priorityClassName: 'high' } })
    await soon(() => phaseOf(world, 'vital')).toBe('Running')
    await soon(() => runningWords(world, 'batch')).toMatch(/PodNotStarted|Preempted/)
    expect(phaseOf(world, 'batch')).toBe('Pending')
    expect(
      world.told.some((line) => /batch: Preempted: stopped to make room on h1 for default\/vital/.test(line)),
    ).toBe(true)
    // Its run is not ended by hand: as soon as there is room it goes on, by a higher epoch.
    await world.resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'h2' }, spec: {} } as never)
    await cluster.agent('h2', { cpu: 2 })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(nodeOf(world, 'vital')).toBe('h1')
  })

  it('is given to a group when all of it fits, or to none of it', async () => {
    const cluster = new ClusterWorld()
    await cluster.agent('h1', { cpu: 3 })
    const world = await cluster.scheduler()
    const annotations = { 'berth/placement-group': 'db', 'berth/placement-group-size': '2' }
    await createVm(world, 'db-1', { cores: 2, annotations })
    await soon(() => runningWords(world, 'db-1')).toMatch(/waits for 1 more machine of the group db \(1 of 2/)
    await createVm(world, 'db-2', { cores: 2, annotations })
    await soon(() => runningWords(world, 'db-2')).toMatch(/the group db: 1 of 2 VMs can be placed/)
    expect([nodeOf(world, 'db-1'), nodeOf(world, 'db-2')]).toEqual([undefined, undefined])
    await world.resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'h2' }, spec: {} } as never)
    await cluster.agent('h2', { cpu: 3 })
    await soon(() => [phaseOf(world, 'db-1'), phaseOf(world, 'db-2')]).toEqual(['Running', 'Running'])
  })

  it('is given to a group whose members come one by one, over a restart of the scheduler', async () => {
    const cluster = new ClusterWorld()
    await cluster.agent('h1', { cpu: 4 })
    const first = await cluster.scheduler()
    await first.hosting.agents.asked
    await soon(() => first.hosting.ruler.refusal()).toBeNull()
    const annotations = { 'berth/placement-group': 'job', 'berth/placement-group-size': '3' }
    await createVm(first, 'job-1', { annotations })
    await soon(() => runningWords(first, 'job-1')).toMatch(/waits for 2 more machines of the group job \(1 of 3/)
    await createVm(first, 'job-2', { annotations })
    for (const name of ['job-1', 'job-2'])
      await soon(() => runningWords(first, name)).toMatch(/waits for 1 more machine of the group job \(2 of 3/)
    await first.end()
    const second = await cluster.scheduler()
    await soon(() => second.hosting.ruler.refusal()).toBeNull()
    await soon(() => second.hosting.machines.waiting).toBe(2)
    await createVm(second, 'job-3', { annotations })
    for (const name of ['job-1', 'job-2', 'job-3']) await soon(() => phaseOf(second, name)).toBe('Running')
  })

  it('goes to the more important first', async () => {
    const cluster = new ClusterWorld()
    const world = await cluster.scheduler()
    await priorityClass(world, 'high', 10)
    await createVm(world, 'low', { cores: 2 })
    await createVm(world, 'high', { cores: 2, spec: { priorityClassName: 'high' } })
    await soon(() => [runningWords(world, 'low'), runningWords(world, 'high')].every((words) => words !== '')).toBe(
      true,
    )
    await world.resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'h1' }, spec: {} } as never)
    await cluster.agent('h1', { cpu: 2 })
    await soon(() => phaseOf(world, 'high')).toBe('Running')
    expect(phaseOf(world, 'low')).toBe('Pending')
  })
})
