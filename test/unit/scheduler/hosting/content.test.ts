// Images and disks over several hosts: a real store and real sockets; the agents are fakes (see test/support/fake-agents.ts) that "import" or
// "copy" at once, by what their binding says.
import { describe, expect, it } from 'vitest'
import { ApiError } from '../../../../lib/errors.ts'
import {
  BOUND,
  type ClusterDiskStatus,
  type ClusterImageStatus,
  type ClusterVirtualImage,
  clusterStatusOf,
  discoveredOf,
  type VirtualDisk,
  type VirtualMachineClass,
} from '../../../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, NODES, VM_CLASSES, VMS } from '../../../../schemas/resources.ts'
import { ClusterWorld, createVm, PATIENT, runningWords, type SchedulerWorld, soon, vmOf } from './world.ts'

const createImage = ({ resources }: SchedulerWorld) =>
  resources.create<ClusterVirtualImage>(CLUSTER_IMAGES, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'ClusterVirtualImage',
    metadata: { name: 'base' },
    spec: { dataSource: { type: 'HTTP', http: { url: 'http://a/' } } },
  } as never)

const disk = (name: string, creationTimestamp: string, spec: object = {}) => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualDisk',
  metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp, resourceVersion: '' },
  spec: { persistentVolumeClaim: { size: '1Gi' }, ...spec },
})
const fromImage = { dataSource: { type: 'ObjectRef', objectRef: { kind: 'ClusterVirtualImage', name: 'base' } } }
const EARLIER = '2026-01-01T00:00:00Z'
/** Its machine comes in a moment. */
const NOW = new Date().toISOString()

const imageOf = ({ reader }: SchedulerWorld) =>
  reader.get<ClusterVirtualImage>(CLUSTER_IMAGES, { namespace: '', name: 'base' })
const diskOf = ({ reader }: SchedulerWorld, name: string) =>
  reader.get<VirtualDisk>(DISKS, { namespace: 'default', name })
const hostOf = (world: SchedulerWorld, name: string) =>
  clusterStatusOf<ClusterDiskStatus>(diskOf(world, name)).placement?.node
const ready = (world: SchedulerWorld, count: number) =>
  soon(() => world.hosting.placement.cluster.hosts.filter(({ facts }) => facts.notReady === null).length).toBe(count)

it('an image is imported by one host and copied by those that need it', PATIENT, async () => {
  const cluster = new ClusterWorld()
  const agents = [await cluster.agent('h1'), await cluster.agent('h2'), await cluster.agent('h3')]
  const world = await cluster.scheduler()
  await ready(world, 3)
  const { metadata } = await createImage(world)
  await soon(() => clusterStatusOf<ClusterImageStatus>(imageOf(world)).digest).toMatch(/^[0-9a-f]{64}$/)
  const { nodes, digest } = clusterStatusOf<ClusterImageStatus>(imageOf(world))
  expect(nodes).toHaveLength(1)
  // A machine on another host.
  const other = ['h1', 'h2', 'h3'].find((node) => node !== nodes?.[0]) ?? ''
  await world.resources.recreate(DISKS, disk('root', NOW, fromImage) as never)
  await createVm(world, 'web', { disks: ['root'], spec: { nodeSelector: { 'kubernetes.io/hostname': other } } })
  await soon(() => vmOf(world, 'web')?.status?.nodeName).toBe(other)
  const told = () =>
    agents.flatMap(({ node, puts }) =>
      puts.filter((put) => put.metadata.name === metadata.uid).map((put) => [node, put.spec.image] as const),
    )
  await soon(() => told().some(([node]) => node === other)).toBe(true)
  expect(
    told()
      .filter(([, image]) => image === undefined)
      .map(([node]) => node),
  ).toEqual(nodes)
  expect(told().find(([node]) => node === other)?.[1]).toMatchObject({ digest, sources: [{ node: nodes?.[0] }] })
  await soon(() => clusterStatusOf<ClusterImageStatus>(imageOf(world)).nodes).toEqual([...(nodes ?? []), other])
  // Nobody is told anything new by that.
  expect(told()).toHaveLength(2)
})

it(
  'a disk that no machine names is made where its image is, and one that a machine names where that goes',
  PATIENT,
  async () => {
    const cluster = new ClusterWorld()
    for (const node of ['h1', 'h2']) await cluster.agent(node)
    const world = await cluster.scheduler()
    await ready(world, 2)
    await createImage(world)
    await soon(() => imageOf(world)?.status?.phase).toBe('Ready')
    const [importer] = clusterStatusOf<ClusterImageStatus>(imageOf(world)).nodes ?? []
    await world.resources.recreate(DISKS, disk('alone', EARLIER, fromImage) as never)
    await soon(() => hostOf(world, 'alone')).toBe(importer)
    await soon(() => diskOf(world, 'alone')?.status?.phase).toBe('Ready')
    // Its machine follows it.
    await createVm(world, 'late', { disks: ['alone'] })
    await soon(() => vmOf(world, 'late')?.status?.nodeName).toBe(importer)
    await createVm(world, 'never', { cores: 64 })
    const words = () => diskOf(world, 'never-root')?.status?.conditions?.find(({ type }) => type === 'Ready')?.message
    await soon(words).toBe('the disk is made where default/never gets its place')
    expect(hostOf(world, 'never-root')).toBeUndefined()
  },
)

it('says which host imports, or why none does, while no host speaks', PATIENT, async () => {
  const world = await new ClusterWorld().scheduler()
  await createImage(world)
  const words = () => imageOf(world)?.status?.conditions?.find(({ type }) => type === 'Ready')?.message
  await soon(words).toBe('no host can import it now: the cluster has none')
  expect(imageOf(world)?.status?.phase).toBe('Pending')
})

describe('a class of the type Discovery', PATIENT, () => {
  const label = (features: string) =>
    Object.fromEntries(
      features.split(' ').map((name) => [`cpu-feature.node.virtualization.deckhouse.io/${name}`, 'true']),
    )
  const withCpu = (hostModel: string) => ({ hostModel, labels: label(hostModel) })

  async function common(...cpus: readonly string[]) {
    const cluster = new ClusterWorld()
    const agents = []
    for (const [index, cpu] of cpus.entries()) agents.push(await cluster.agent(`h${index + 1}`, withCpu(cpu)))
    const world = await cluster.scheduler()
    await ready(world, cpus.length)
    const create = () =>
      world.resources.create(VM_CLASSES, {
        apiVersion: 'virtualization.deckhouse.io/v1alpha3',
        kind: 'VirtualMachineClass',
        metadata: { name: 'common' },
        spec: { cpu: { type: 'Discovery' } },
      } as never)
    const status = () => world.reader.get<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: 'common' })?.status
    const said = () => {
      const condition = status()?.conditions?.find(({ type }) => type === 'Discovered')
      return `${condition?.status} ${condition?.message}`
    }
    return { cluster, agents, world, create, status, said }
  }

  it('has the CPU that a host’s libvirt finds for all, and takes it to them', async () => {
    const { agents, world, create, status, said } = await common('sse avx', 'sse aes')
    await create()
    await soon(status).toMatchObject({
      phase: 'Ready',
      availableNodes: ['h1', 'h2'],
      cpuFeatures: { enabled: ['sse'], notEnabledCommon: [] },
      maxAllocatableResources: { cpu: '4', memory: '8Gi' },
    })
    expect(said()).toBe('True Common, of h1, h2')
    const vm = await createVm(world, 'web', {
      spec: { virtualMachineClassName: 'common', nodeSelector: { 'kubernetes.io/hostname': 'h1' } },
    })
    await soon(() => vmOf(world, 'web')?.status?.nodeName).toBe('h1')
    const objects = agents[0]?.puts.find(({ metadata }) => metadata.name === vm.metadata.uid)?.objects ?? []
    const sent = objects.find(({ kind }) => kind === 'VirtualMachineClass') as VirtualMachineClass
    // As its host has it: marked as a copy.
    const copy = {
      ...sent,
      metadata: { ...sent.metadata, annotations: { ...sent.metadata.annotations, [BOUND]: sent.metadata.uid } },
    }
    expect(discoveredOf(copy)).toEqual({ model: 'Common', features: [], enabled: ['sse'] })
  })

  it('is made anew while no machine names it, and stays as it is once one does', async () => {
    const { cluster, world, create, status, said } = await common('sse avx aes', 'sse aes')
    await create()
    await soon(said).toBe('True Common, of h1, h2')
    await cluster.agent('h3', withCpu('sse'))
    await world.resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'h3' }, spec: {} } as never)
    await soon(said).toBe('True Common, of h1, h2, h3')
    expect(status()?.cpuFeatures?.enabled).toEqual(['sse'])
    await createVm(world, 'web', { spec: { virtualMachineClassName: 'common' } })
    await soon(() => vmOf(world, 'web')?.status?.nodeName).toMatch(/^h/)
    cluster.clients.remove('h3')
    await world.resources.delete(NODES, { namespace: '', name: 'h3' })
    await soon(said).toBe('True Common, of h1, h2, h3; kept although h3 went since: machines were started with it')
    expect(status()?.cpuFeatures).toEqual({ enabled: ['sse'], notEnabledCommon: ['aes'] })
    await world.resources.delete(VMS, { namespace: 'default', name: 'web' })
    await soon(said).toBe('True Common, of h1, h2')
    expect(status()?.cpuFeatures?.enabled).toEqual(['aes', 'sse'])
  })

  it('asks the next host when one cannot say it, and says why it waits when none can', async () => {
    const { agents, world, create, said, status } = await common('sse', 'sse aes')
    const [h1, h2] = agents
    if (h1 === undefined || h2 === undefined) throw new Error('two hosts')
    for (const agent of agents)
      agent.baselineFails = new ApiError('BadRequest', `libvirt: unknown CPU at ${agent.node}`)
    await create()
    await soon(said).toBe('False h1: libvirt: unknown CPU at h1; h2: libvirt: unknown CPU at h2')
    expect(status()).toMatchObject({ phase: 'Pending', availableNodes: [] })
    await createVm(world, 'web', { spec: { virtualMachineClassName: 'common' } })
    await soon(() => runningWords(world, 'web')).toMatch(/waits for the common CPU of the VirtualMachineClass common/)
    h2.baselineFails = null
    await world.resources.modify(NODES, { namespace: '', name: 'h1' }, (node) => ({
      ...node,
      metadata: { ...node.metadata, labels: { ...node.metadata.labels, looked: 'again' } },
    }))
    await soon(said).toBe('True Common, of h1, h2')
    await soon(() => vmOf(world, 'web')?.status?.nodeName).toMatch(/^h/)
  })
})
