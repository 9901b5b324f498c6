// Classes on a real cluster. Of the CPU type Discovery: its CPU comes from a host's libvirt, a guest runs with it, and moves with it. Of
// storage: what hosts tell of them, and a shared folder that is not the same on all hosts.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { VirtualMachine, VirtualMachineClass } from '../../schemas/index.ts'
import { type Cluster, keepClusterEvidence, sharedCluster } from '../support/cluster.ts'
import { GuestConsole } from '../support/guest-console.ts'
import { waitFor } from '../support/wait.ts'

const NAMESPACE = 'common-cpu'
const BOOT_SECONDS = 120

const OBJECTS = (image: string): string => `
apiVersion: v1
kind: Namespace
metadata: {name: ${NAMESPACE}}
---
apiVersion: virtualization.deckhouse.io/v1alpha3
kind: VirtualMachineClass
metadata: {name: ${NAMESPACE}}
spec: {cpu: {type: Discovery}}
---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualDisk
metadata: {name: root, namespace: ${NAMESPACE}}
spec: {dataSource: {type: HTTP, http: {url: "${image}"}}}
---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualMachine
metadata: {name: guest, namespace: ${NAMESPACE}}
spec:
  virtualMachineClassName: ${NAMESPACE}
  cpu: {cores: 1, coreFraction: 10%}
  memory: {size: 256Mi}
  terminationGracePeriodSeconds: 1
  blockDeviceRefs: [{kind: VirtualDisk, name: root}]
`

/** Common to all hosts, but for the last one. */
const UNEVEN = '/var/lib/berth-shared/uneven'

const UNEVEN_CLASS = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: uneven}
provisioner: berth/dir
parameters: {path: ${UNEVEN}, shared: "true"}
`

const ON_UNEVEN = `
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualDisk
metadata: {name: uneven, namespace: default}
spec: {persistentVolumeClaim: {size: 1Mi, storageClassName: uneven}}
---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualMachine
metadata: {name: uneven, namespace: default}
spec:
  virtualMachineClassName: generic
  terminationGracePeriodSeconds: 1
  cpu: {cores: 1, coreFraction: 10%}
  memory: {size: 64Mi}
  nodeSelector: {kubernetes.io/hostname: h3}
  blockDeviceRefs: [{kind: VirtualDisk, name: uneven}]
`

let cluster: Cluster

beforeAll(async () => {
  cluster = await sharedCluster()
})
beforeEach((context) => keepClusterEvidence(context, cluster))
afterAll(async () => {
  await cluster.kubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=50s')
  await cluster.kubectl('delete', 'vmclass', NAMESPACE, '--ignore-not-found', '--timeout=30s')
  for (const kind of ['vm', 'vd', 'storageclass'])
    await cluster.kubectl('delete', kind, 'uneven', '--ignore-not-found', '--timeout=30s')
  await cluster.hostOf('h3').exec('umount', UNEVEN)
  await cluster.close()
})

const vm = () => cluster.scheduler.get<VirtualMachine>('vm', 'guest', NAMESPACE)

it('has a guest run, and move, with the CPU that libvirt finds for all hosts', async () => {
  const file = join(cluster.dir, 'classes.yaml')
  await writeFile(file, OBJECTS(`${cluster.served.origin}/guest.qcow2`))
  await cluster.kubectl('apply', '-f', file)
  const { status } = await waitFor('the common CPU', 60, async () => {
    const found = await cluster.scheduler.get<VirtualMachineClass>('vmclass', NAMESPACE)
    return found.status?.phase === 'Ready' ? found : null
  })
  expect(status?.availableNodes).toEqual(['h1', 'h2', 'h3'])
  expect(status?.cpuFeatures?.enabled).toEqual(expect.arrayContaining(['sse2', 'lm']))
  const { discovered } = (status as unknown as { berth: { discovered: { model: string; nodes: { name: string }[] } } })
    .berth
  expect(discovered.nodes.map(({ name }) => name)).toEqual(['h1', 'h2', 'h3'])

  const running = await waitFor('the guest', BOOT_SECONDS, async () => {
    const found = await vm()
    return found.status?.phase === 'Running' ? found : null
  })
  const from = running.status?.nodeName ?? ''
  const { uid } = running.metadata
  const model = async (host: string) =>
    /<model[^>]*>([^<]*)<\/model>/.exec(await cluster.hostOf(host).virsh('dumpxml', uid, '--xpath', '//cpu/model'))?.[1]
  expect(await model(from)).toBe(discovered.model)
  const before = await GuestConsole.open(cluster.scheduler.client, NAMESPACE, 'guest')
  expect(await before.ask('grep -w sse2 /proc/cpuinfo | grep -c -w lm')).toBe('1')
  await before.ask('echo kept >/run/mark; echo written')
  before.close()

  const to = from === 'h3' ? 'h2' : 'h3'
  await cluster.berth('-n', NAMESPACE, 'migrate', 'vm', 'guest', '--to', to, '--wait')
  await waitFor('the guest on the other host', 60, async () => {
    const { nodeName, phase } = (await vm()).status ?? {}
    return nodeName === to && phase === 'Running'
  })
  expect(await model(to)).toBe(discovered.model)
  const after = await GuestConsole.open(cluster.scheduler.client, NAMESPACE, 'guest')
  expect(await after.ask('cat /run/mark')).toBe('kept')
  after.close()
})

it('tells on each Node which storage classes it has, with their room, and which images', async () => {
  const described = await cluster.kubectl('describe', 'node', 'h1')
  expect(described).toMatch(/StorageReady +True .*dir: [\d.]+ [GT]iB of [\d.]+ [GT]iB free/)
})

it('gives no machine to a host on which the folder of a shared class is another one, and says so', async () => {
  const last = cluster.hostOf('h3')
  await last.exec('mkdir', '-p', UNEVEN)
  await last.exec('mount', '-t', 'tmpfs', 'uneven', UNEVEN)
  const apply = async (objects: string) => {
    const file = join(cluster.dir, 'uneven.yaml')
    await writeFile(file, objects)
    await cluster.kubectl('apply', '-f', file)
  }
  await apply(UNEVEN_CLASS)
  const words = `the folder ${UNEVEN} is another one than on h1, h2`
  await waitFor('the word of the folder', 30, async () =>
    (await cluster.kubectl('describe', 'node', 'h3')).includes(words),
  )
  await apply(ON_UNEVEN)
  expect(await cluster.berth('explain', 'vm', 'uneven')).toContain(words)
  await waitFor(
    'its wait',
    30,
    async () => (await cluster.scheduler.get<VirtualMachine>('vm', 'uneven')).status?.phase === 'Pending',
  )

  const anywhere = '[{"op": "remove", "path": "/spec/nodeSelector"}]'
  await cluster.kubectl('patch', 'vm', 'uneven', '--type=json', '-p', anywhere)
  const { status } = await waitFor('the machine elsewhere', 30, async () => {
    const found = await cluster.scheduler.get<VirtualMachine>('vm', 'uneven')
    return found.status?.phase === 'Running' ? found : null
  })
  expect(['h1', 'h2']).toContain(status?.nodeName)
  const files = (host: string) => cluster.hostOf(host).exec('find', UNEVEN, '-name', '*.qcow2')
  expect(await files('h3')).toBe('')
  expect(await files('h1')).not.toBe('')
})
