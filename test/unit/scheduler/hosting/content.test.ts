// Images and disks over several hosts: a real store and real sockets; the agents are fakes (see test/support/fake-agents.ts) that "import" or
// "copy" at once, by what their binding says.
import { expect, it } from 'vitest'
import {
  type ClusterDiskStatus,
  type ClusterImageStatus,
  type ClusterVirtualImage,
  clusterStatusOf,
  discoveredOf,
  type VirtualDisk,
  type VirtualMachineClass,
} from '../../../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, NODES, VM_CLASSES } from '../../../../schemas/resources.ts'
import { ClusterWorld, createVm, type SchedulerWorld, vmOf } from './world.ts'

const soon = <T>(look: () => T) => expect.poll(look, { timeout: 8_000, interval: 20 })

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

it('an image is imported by one host and copied by those that need it', async () => {
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

it('a disk that no machine names is made where its image is, and one that a machine names where that goes', async () => {
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
})

it('says which host imports, or why none does, while no host speaks', async () => {
  const world = await new ClusterWorld().scheduler()
  await createImage(world)
  const words = () => imageOf(world)?.status?.conditions?.find(({ type }) => type === 'Ready')?.message
  await soon(words).toBe('no host can import it now: the cluster has none')
  expect(imageOf(world)?.status?.phase).toBe('Pending')
})

it('a class of the type Discovery has the CPU that its hosts have in common, and takes it to them', async () => {
  const cluster = new ClusterWorld()
  const label = (...features: string[]) =>
    Object.fromEntries(features.map((name) => [`cpu-feature.node.virtualization.deckhouse.io/${name}`, 'true']))
  const h1 = await cluster.agent('h1', { labels: label('sse', 'avx') })
  await cluster.agent('h2', { labels: { ...label('sse', 'aes'), gone: 'true' } })
  const world = await cluster.scheduler()
  await ready(world, 2)
  await soon(
    () => world.reader.list(NODES).filter(({ metadata }) => Object.keys(metadata.labels ?? {}).length > 1).length,
  ).toBe(2)
  await world.resources.create(VM_CLASSES, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha3',
    kind: 'VirtualMachineClass',
    metadata: { name: 'common' },
    spec: { cpu: { type: 'Discovery' } },
  } as never)
  const status = () => world.reader.get<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: 'common' })?.status
  await soon(status).toMatchObject({
    phase: 'Ready',
    availableNodes: ['h1', 'h2'],
    cpuFeatures: { enabled: ['sse'], notEnabledCommon: [] },
  })
  const vm = await createVm(world, 'web', {
    spec: { virtualMachineClassName: 'common', nodeSelector: { 'kubernetes.io/hostname': 'h1' } },
  })
  await soon(() => vmOf(world, 'web')?.status?.nodeName).toBe('h1')
  const objects = h1.puts.find(({ metadata }) => metadata.name === vm.metadata.uid)?.objects ?? []
  const sent = objects.find(({ kind }) => kind === 'VirtualMachineClass') as VirtualMachineClass
  expect(discoveredOf(sent)).toEqual(['sse'])
})
