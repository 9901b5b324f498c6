// Objects through @kubernetes/client-node: its typed APIs, its API for custom objects, and the one that finds its way by discovery.
import {
  CoreV1Api,
  CustomObjectsApi,
  KubernetesObjectApi,
  NodeV1Api,
  PatchStrategy,
  StorageV1Api,
  setHeaderOptions,
  VersionApi,
} from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DISKS, type Disk, disk, GROUP, refusal, startWorld, VERSION, type World } from './setup.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.api.stop())

const patchedWith = (type: string) => setHeaderOptions('Content-Type', type)

it('reads the version', async () => {
  const { gitVersion } = await world.config.makeApiClient(VersionApi).getCode()
  expect(gitVersion).toContain('berth')
})

describe('CustomObjectsApi', () => {
  const custom = () => world.config.makeApiClient(CustomObjectsApi)
  const sizeOf = async (name: string) =>
    ((await custom().getNamespacedCustomObject({ ...DISKS, name })) as Disk).spec.persistentVolumeClaim.size

  it('creates, gets, lists', async () => {
    const made = (await custom().createNamespacedCustomObject({
      ...DISKS,
      body: disk('c1', '1Gi', { a: '1' }),
    })) as Disk
    expect(made.metadata?.uid).toMatch(/^[0-9a-f-]{36}$/)
    await custom().createNamespacedCustomObject({ ...DISKS, body: disk('c2', '2Gi', { a: '2' }) })
    expect(await sizeOf('c1')).toBe('1Gi')
    const list = await custom().listNamespacedCustomObject({ ...DISKS, labelSelector: 'a in (2,3)' })
    expect(list.items.map((item: Disk) => item.metadata?.name)).toEqual(['c2'])
    const { namespace: _, ...everywhere } = DISKS
    const all = await custom().listCustomObjectForAllNamespaces({
      ...everywhere,
      fieldSelector: 'metadata.name!=c2',
      resourceVersion: '0',
    })
    expect(all.items.map((item: Disk) => item.metadata?.name)).toEqual(['c1'])
  })

  it('lists in pages', async () => {
    const first = await custom().listNamespacedCustomObject({ ...DISKS, limit: 1 })
    expect(first.metadata.remainingItemCount).toBe(1)
    const second = await custom().listNamespacedCustomObject({
      ...DISKS,
      limit: 1,
      _continue: first.metadata._continue ?? first.metadata.continue,
    })
    expect([...first.items, ...second.items].map((item: Disk) => item.metadata?.name)).toEqual(['c1', 'c2'])
  })

  it('patches as JSON patch and merge patch', async () => {
    const path = '/spec/persistentVolumeClaim/size'
    await custom().patchNamespacedCustomObject({ ...DISKS, name: 'c1', body: [{ op: 'replace', path, value: '3Gi' }] })
    expect(await sizeOf('c1')).toBe('3Gi')
    const body = { spec: { persistentVolumeClaim: { size: '4Gi' } } }
    await custom().patchNamespacedCustomObject({ ...DISKS, name: 'c1', body }, patchedWith(PatchStrategy.MergePatch))
    expect(await sizeOf('c1')).toBe('4Gi')
    const strategic = custom().patchNamespacedCustomObject(
      { ...DISKS, name: 'c1', body },
      patchedWith(PatchStrategy.StrategicMergePatch),
    )
    expect(await refusal(strategic)).toMatchObject({ code: 415, status: { reason: 'UnsupportedMediaType' } })
  })

  it('replaces, and only what it has read', async () => {
    const read = (await custom().getNamespacedCustomObject({ ...DISKS, name: 'c2' })) as Disk
    const wanted = { ...read, spec: { persistentVolumeClaim: { size: '5Gi' } } }
    await custom().replaceNamespacedCustomObject({ ...DISKS, name: 'c2', body: wanted })
    const again = custom().replaceNamespacedCustomObject({ ...DISKS, name: 'c2', body: wanted })
    expect(await refusal(again)).toMatchObject({ code: 409, status: { reason: 'Conflict' } })
  })

  it('writes the status beside the spec', async () => {
    const body = { status: { phase: 'Ready' }, spec: { persistentVolumeClaim: { size: '9Gi' } } }
    const options = patchedWith(PatchStrategy.MergePatch)
    const patched = (await custom().patchNamespacedCustomObjectStatus({ ...DISKS, name: 'c2', body }, options)) as Disk
    expect([patched.status?.phase, patched.spec.persistentVolumeClaim.size]).toEqual(['Ready', '5Gi'])
    const read = (await custom().getNamespacedCustomObjectStatus({ ...DISKS, name: 'c2' })) as Disk
    const replaced = { ...read, status: { ...read.status, phase: 'Failed' } }
    await custom().replaceNamespacedCustomObjectStatus({ ...DISKS, name: 'c2', body: replaced })
    expect(((await custom().getNamespacedCustomObject({ ...DISKS, name: 'c2' })) as Disk).status?.phase).toBe('Failed')
  })

  it('is told the field and the reason', async () => {
    const wrong = { ...disk('c3'), spec: { persistentVolumeClaim: { sise: '1Gi' } } }
    const { code, status } = await refusal(custom().createNamespacedCustomObject({ ...DISKS, body: wrong }))
    expect([code, status.reason]).toEqual([422, 'Invalid'])
    expect(status.details.causes?.map(({ field }) => field)).toContain('spec.persistentVolumeClaim.sise')
    const dry = (await custom().createNamespacedCustomObject({ ...DISKS, body: disk('c3'), dryRun: 'All' })) as Disk
    expect(dry.metadata?.name).toBe('c3')
    expect(await refusal(custom().getNamespacedCustomObject({ ...DISKS, name: 'c3' }))).toMatchObject({ code: 404 })
  })

  it('deletes one and all', async () => {
    const body = { propagationPolicy: 'Foreground', preconditions: { uid: 'another' } }
    const wrong = custom().deleteNamespacedCustomObject({ ...DISKS, name: 'c1', body })
    expect(await refusal(wrong)).toMatchObject({ code: 409 })
    const gone = await custom().deleteNamespacedCustomObject({ ...DISKS, name: 'c1', propagationPolicy: 'Background' })
    expect(gone).toMatchObject({ kind: 'Status', status: 'Success' })
    await custom().deleteCollectionNamespacedCustomObject(DISKS)
    expect((await custom().listNamespacedCustomObject(DISKS)).items).toEqual([])
  })

  it('handles objects without a namespace', async () => {
    const classes = { group: GROUP, version: VERSION, plural: 'virtualmachineclasses' }
    const body = {
      apiVersion: `${GROUP}/${VERSION}`,
      kind: 'VirtualMachineClass',
      metadata: { name: 'k' },
      spec: { cpu: { type: 'Host' } },
    }
    await custom().createClusterCustomObject({ ...classes, body })
    const read = await custom().getClusterCustomObject({ ...classes, version: 'v1alpha3', name: 'k' })
    expect(read).toMatchObject({ apiVersion: `${GROUP}/v1alpha3`, spec: { cpu: { type: 'Host' } } })
    await custom().deleteClusterCustomObject({ ...classes, name: 'k' })
  })
})

describe('CoreV1Api', () => {
  const core = () => world.config.makeApiClient(CoreV1Api)

  it('makes namespaces', async () => {
    await core().createNamespace({ body: { metadata: { name: 'team', labels: { team: 'a' } } } })
    const names = (await core().listNamespace()).items.map(({ metadata }) => metadata?.name)
    expect(names).toEqual(['default', 'team'])
    const body = [{ op: 'add', path: '/metadata/labels/more', value: 'b' }]
    const patched = await core().patchNamespace({ name: 'team', body })
    expect(patched.metadata?.labels).toMatchObject({ team: 'a', more: 'b' })
    expect(patched.metadata?.creationTimestamp).toBeInstanceOf(Date)
  })

  it('keeps secrets', async () => {
    const secret = { name: 's1', namespace: 'team' }
    const made = await core().createNamespacedSecret({
      namespace: 'team',
      body: { metadata: { name: 's1' }, stringData: { a: 'one' }, data: { b: 'dHdv' } },
    })
    expect([made.type, made.data]).toEqual(['Opaque', { a: 'b25l', b: 'dHdv' }])
    const read = await core().readNamespacedSecret(secret)
    const body = { ...read, data: { ...read.data, c: 'dGhyZWU=' } }
    await core().replaceNamespacedSecret({ ...secret, body })
    await core().patchNamespacedSecret(
      { ...secret, body: { stringData: { a: 'new' }, data: { b: null } } },
      patchedWith(PatchStrategy.StrategicMergePatch),
    )
    expect((await core().readNamespacedSecret(secret)).data).toEqual({ a: 'bmV3', c: 'dGhyZWU=' })
    const removed = await core().deleteNamespacedSecret({ ...secret, body: { gracePeriodSeconds: 0 } })
    expect(removed.status).toBe('Success')
    expect((await core().listSecretForAllNamespaces()).items).toEqual([])
  })

  it('writes and selects events', async () => {
    const now = new Date()
    await core().createNamespacedEvent({
      namespace: 'team',
      body: {
        metadata: { generateName: 'vm.' },
        involvedObject: { kind: 'VirtualMachine', namespace: 'team', name: 'vm' },
        reason: 'Tested',
        message: 'it was tested',
        type: 'Normal',
        firstTimestamp: now,
        lastTimestamp: now,
        count: 2,
        source: { component: 'test' },
      },
    })
    const fieldSelector = 'involvedObject.name=vm,involvedObject.kind=VirtualMachine,reason=Tested'
    const [event] = (await core().listNamespacedEvent({ namespace: 'team', fieldSelector })).items
    expect([event?.count, event?.source?.component]).toEqual([2, 'test'])
    expect(event?.metadata.name).toMatch(/^vm\.[a-z0-9]{5}$/)
    expect(Math.abs(Number(event?.lastTimestamp?.getTime()) - now.getTime())).toBeLessThan(1_000)
    const { items } = await core().listEventForAllNamespaces({ fieldSelector: 'type=Warning' })
    expect(items).toEqual([])
  })

  it('cordons and taints nodes', async () => {
    await core().createNode({ body: { metadata: { name: 'h1' } } })
    const options = patchedWith(PatchStrategy.StrategicMergePatch)
    const taints = [{ key: 'k', value: 'v', effect: 'NoSchedule' }]
    await core().patchNode({ name: 'h1', body: { spec: { unschedulable: true, taints } } }, options)
    const status = {
      capacity: { cpu: '4', memory: '8Gi' },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Test', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    }
    await core().patchNodeStatus({ name: 'h1', body: { status } }, options)
    const node = await core().readNode({ name: 'h1' })
    expect([node.spec, node.status?.capacity]).toMatchObject([
      { unschedulable: true, taints },
      { cpu: '4', memory: '8Gi' },
    ])
    expect(node.status?.conditions?.[0]?.lastTransitionTime).toBeInstanceOf(Date)
    expect((await core().listNode({ labelSelector: '!absent' })).items).toHaveLength(1)
    await core().deleteNode({ name: 'h1' })
  })

  it('is told what is not there', async () => {
    expect(await refusal(core().listNamespacedPod({ namespace: 'default' }))).toMatchObject({ code: 404 })
    expect(await refusal(world.config.makeApiClient(NodeV1Api).listRuntimeClass())).toMatchObject({ code: 404 })
  })

  it('lists storage classes', async () => {
    const storage = world.config.makeApiClient(StorageV1Api)
    await storage.createStorageClass({ body: { metadata: { name: 'fast' }, provisioner: 'berth/dir' } })
    const [made] = (await storage.listStorageClass()).items
    expect([made?.metadata?.name, made?.provisioner]).toEqual(['fast', 'berth/dir'])
  })
})

describe('KubernetesObjectApi', () => {
  const objects = () => KubernetesObjectApi.makeApiClient(world.config)
  const header = (name: string) => ({
    apiVersion: `${GROUP}/${VERSION}`,
    kind: 'VirtualDisk',
    metadata: { name, namespace: 'default' },
  })

  it('finds any kind by discovery', async () => {
    await objects().create(disk('o1'))
    const read = await objects().read<Disk>(header('o1'))
    expect(read.spec.persistentVolumeClaim.size).toBe('1Gi')
    await objects().replace({ ...read, spec: { persistentVolumeClaim: { size: '2Gi' } } } as Disk)
    const wanted: Disk = { ...header('o1'), spec: { persistentVolumeClaim: { size: '3Gi' } } }
    const patch = (strategy: PatchStrategyName) =>
      objects().patch(wanted, undefined, undefined, undefined, undefined, PatchStrategy[strategy])
    expect(await refusal(patch('StrategicMergePatch'))).toMatchObject({ code: 415 })
    expect(((await patch('MergePatch')) as Disk).spec.persistentVolumeClaim.size).toBe('3Gi')
    const list = await objects().list<Disk>(`${GROUP}/${VERSION}`, 'VirtualDisk', 'default')
    expect(list.items.map(({ metadata }) => metadata?.name)).toEqual(['o1'])
    expect(await objects().delete(header('o1'))).toMatchObject({ status: 'Success' })
    expect(await refusal(objects().read(header('o1')))).toMatchObject({ code: 404 })
  })

  it('applies on the server, and is told of conflicts', async () => {
    const apply = (size: string, manager: string, force?: boolean) =>
      objects().patch(disk('o4', size), undefined, undefined, manager, force, PatchStrategy.ServerSideApply)
    const made = (await apply('1Gi', 'one')) as Disk
    expect([made.spec.persistentVolumeClaim.size, made.metadata?.managedFields?.[0]?.manager]).toEqual(['1Gi', 'one'])
    const again = (await apply('1Gi', 'one')) as Disk
    expect(again.metadata?.resourceVersion).toBe(made.metadata?.resourceVersion)
    const { code, status } = await refusal(apply('2Gi', 'two'))
    expect([code, status.details.causes?.map(({ field }) => field)]).toEqual([
      409,
      ['.spec.persistentVolumeClaim.size'],
    ])
    expect(((await apply('2Gi', 'two', true)) as Disk).spec.persistentVolumeClaim.size).toBe('2Gi')
  })

  it('handles core kinds and kinds without a namespace', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'o2', namespace: 'default' } }
    await objects().create({ ...secret, stringData: { a: 'b' } })
    expect(await objects().read(secret)).toMatchObject({ data: { a: 'Yg==' } })
    const space = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'o3' } }
    await objects().create(space)
    expect((await objects().list('v1', 'Namespace')).items.map(({ metadata }) => metadata?.name)).toContain('o3')
  })
})

type PatchStrategyName = keyof typeof PatchStrategy
