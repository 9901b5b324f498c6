// Storage that hosts tell of: where machines with disks go, and a shared folder that is not the same on all.
import { expect, it, vi } from 'vitest'
import { type Node, type NodeClass, storedClass, type VirtualDisk } from '../../../../schemas/index.ts'
import { DISKS, NODES, STORAGE_CLASSES } from '../../../../schemas/resources.ts'
import type { FakeAgent } from '../../../support/fake-agents.ts'
import { ClusterWorld, createVm, runningWords, type SchedulerWorld, vmOf } from '../hosting/world.ts'

const GIB = 1024n ** 3n
const soon = <T>(look: () => T) => expect.poll(look, { timeout: 8_000 })

const shared = (folder: string | null, more: Partial<NodeClass> = {}): NodeClass => ({
  name: 'shared',
  problem: null,
  freeBytes: 10n * GIB,
  totalBytes: 40n * GIB,
  folder,
  ...more,
})

async function hosts(...classes: readonly NodeClass[]) {
  const cluster = new ClusterWorld()
  const agents: FakeAgent[] = []
  for (const [index, each] of classes.entries()) agents.push(await cluster.agent(`h${index + 1}`, { classes: [each] }))
  const world = await cluster.scheduler()
  await world.resources.create(STORAGE_CLASSES, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'shared' },
    provisioner: 'berth/dir',
    parameters: { path: '/srv', shared: 'true' },
  } as never)
  return { agents, world }
}

const createDisk = ({ resources }: SchedulerWorld, name: string, size: string) =>
  resources.create(DISKS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name, namespace: 'default' },
    spec: { persistentVolumeClaim: { size, storageClassName: 'shared' } },
  } as never)

const condition = ({ reader }: SchedulerWorld, name: string): string => {
  const node = reader.get<Node>(NODES, { namespace: '', name })
  const said = node?.status?.conditions?.find(({ type }) => type === 'SharedFolders')
  return said === undefined ? '' : `${said.status} ${said.message}`
}

const tell = (agent: FakeAgent, classes: readonly NodeClass[]) =>
  agent.server.resources.modifyStatus<Node>(
    NODES,
    { namespace: '', name: agent.node, uid: agent.reader.list<Node>(NODES)[0]?.metadata.uid ?? '' },
    (status) => ({ ...status, berth: { storage: { classes: classes.map(storedClass) } } }) as unknown as Node['status'],
  )

it('a host whose folder is another one gets no machine of the class, and says so', async () => {
  const { agents, world } = await hosts(shared('other'), shared('a'), shared('a'))
  await soon(() => condition(world, 'h1')).toBe('False shared: the folder /srv is another one than on h2, h3')
  await soon(() => condition(world, 'h2')).toBe('True ')
  await soon(() => world.told).toContain('shared: FolderDiffers: h1: the folder /srv is another one than on h2, h3')
  await createDisk(world, 'root', '1Gi')
  const onH1 = { spec: { nodeSelector: { 'kubernetes.io/hostname': 'h1' } }, disks: ['root'] }
  await createVm(world, 'web', onH1)
  await soon(() => runningWords(world, 'web')).toMatch(/1 storage class shared not ready/)
  const [h1] = agents
  if (h1 === undefined) throw new Error('three hosts')
  await tell(h1, [shared('a')])
  await soon(() => vmOf(world, 'web')?.status?.nodeName).toBe('h1')
  await soon(() => condition(world, 'h1')).toBe('True ')
})

it('a disk knows the folder where it was made: a host that has another one by then does not reach it', async () => {
  const { agents, world } = await hosts(shared('a'), shared('a'))
  await createDisk(world, 'root', '1Gi')
  await createVm(world, 'web', { disks: ['root'] })
  await soon(() => vmOf(world, 'web')?.status?.nodeName).toMatch(/^h/)
  const disk = () => world.reader.get<VirtualDisk>(DISKS, { namespace: 'default', name: 'root' })
  await soon(() => (disk()?.status as unknown as { berth: { folder?: string } })?.berth.folder).toBe('a')
  const node = vmOf(world, 'web')?.status?.nodeName
  const other = agents.find((agent) => agent.node !== node)
  if (other === undefined) throw new Error('two hosts')
  await tell(other, [shared('b')])
  await soon(() => condition(world, other.node)).toMatch(/^False/)
  const facts = world.hosting.placement.cluster.vm(vmOf(world, 'web')?.metadata.uid ?? '')
  expect(facts?.disks).toMatchObject([{ folder: 'a', made: true, shared: true }])
})

it('a machine waits, in words and numbers, for room for its disks', async () => {
  const { agents, world } = await hosts(shared('a', { freeBytes: 2n * GIB }))
  await createDisk(world, 'root', '3Gi')
  await createVm(world, 'web', { disks: ['root'] })
  await soon(() => runningWords(world, 'web')).toMatch(
    /1 insufficient room in the storage class shared \(needs 3 GiB, 2 GiB free at best\)/,
  )
  const [h1] = agents
  if (h1 === undefined) throw new Error('one host')
  await tell(h1, [shared('a', { freeBytes: 5n * GIB })])
  await soon(() => vmOf(world, 'web')?.status?.nodeName).toBe('h1')
})

vi.setConfig({ testTimeout: 40_000 })
