// A host that nobody hears, and on which a machine runs that is not for failover, is spared until somebody asks: then it is powered off by the
// command that is configured, and only then its machines that may be failed over start elsewhere. QEMU takes no locks here: what keeps the earlier copy from the disk is that command, and the epoch when the host is back.
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { KubeObject } from '../../lib/object.ts'
import type { HostBinding } from '../../schemas/index.ts'
import { type Cluster, keepClusterEvidence, openCluster } from '../support/cluster.ts'
import { scriptsLab } from '../support/lab-place.ts'
import { powerSwitch } from '../support/power-switch.ts'
import { waitFor } from '../support/wait.ts'

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
}

interface Shown extends KubeObject {
  readonly status?: { readonly phase?: string; readonly nodeName?: string; readonly conditions?: readonly Condition[] }
}

const BOOT_SECONDS = 120
/** The promise is 60 s on a machine with something to spare. */
const FAILOVER_SECONDS = 120

let cluster: Cluster

const OBJECTS = (image: string): string => `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: shared}
provisioner: berth/dir
parameters: {path: /var/lib/berth-shared/disks, shared: "true"}
---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualImage
metadata: {name: guest, namespace: default}
spec: {storage: ContainerRegistry, dataSource: {type: HTTP, http: {url: "${image}"}}}
${['goes', 'waits'].map(machineAndDisk).join('')}`

const machineAndDisk = (name: string): string => `---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualDisk
metadata: {name: ${name}, namespace: default}
spec:
  persistentVolumeClaim: {size: 1Gi, storageClassName: shared}
  dataSource: {type: ObjectRef, objectRef: {kind: VirtualImage, name: guest}}
---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualMachine
metadata:
  name: ${name}
  namespace: default
  annotations: {${name === 'goes' ? 'berth/failover: enabled' : 'example/failover: none'}}
spec:
  virtualMachineClassName: generic
  cpu: {cores: 1, coreFraction: 10%}
  memory: {size: 256Mi}
  blockDeviceRefs: [{kind: VirtualDisk, name: ${name}}]
`

beforeAll(async () => {
  cluster = await openCluster(3, undefined, { unlocked: true })
  const command = await powerSwitch(cluster.dir)
  const config = `failover: {fencing: {command: ["${command}", "{node}"]}}\n`
  await appendFile(join(cluster.scheduler.dir, 'scheduler.yaml'), config)
  await cluster.scheduler.restart()
  const file = join(cluster.dir, 'objects.yaml')
  await writeFile(file, OBJECTS(cluster.served.url('guest.qcow2')))
  // Both machines begin on h1, and may go elsewhere later.
  await cluster.kubectl('cordon', 'h2', 'h3')
  await cluster.kubectl('apply', '-f', file)
})
beforeEach((context) => keepClusterEvidence(context, cluster))
afterAll(() => cluster.down())

const shown = (kind: string, name: string): Promise<Shown> => cluster.scheduler.get(kind, name)

const conditionOf = ({ status }: Shown, type: string): Condition | undefined =>
  status?.conditions?.find((one) => one.type === type)

const uidsOn = (name: string): Promise<string> => cluster.hostOf(name).virsh('list', '--uuid')

it('spares a host with another machine until somebody asks; then takes the machine for failover elsewhere, and no other', async () => {
  await waitFor('both machines on h1', BOOT_SECONDS, async () =>
    (await Promise.all(['goes', 'waits'].map((name) => shown('vm', name)))).every(
      ({ status }) => status?.phase === 'Running' && status.nodeName === 'h1',
    ),
  )
  await cluster.kubectl('uncordon', 'h2', 'h3')
  const [goes, waits] = [await shown('vm', 'goes'), await shown('vm', 'waits')]
  await cluster.whileCutOff(cluster.hostOf('h1'), async () => {
    const spared = await waitFor('the other machine named', FAILOVER_SECONDS, async () => {
      const condition = conditionOf(await shown('node', 'h1'), 'HostDead')
      return condition?.reason === 'OthersRunThere' ? condition : null
    })
    expect(spared.message).toContain('default/waits')
    expect(await uidsOn('h1')).toContain(goes.metadata.uid)
    await cluster.kubectl('annotate', 'node', 'h1', 'berth/fence=requested')
    const moved = await waitFor('the machine on another host', FAILOVER_SECONDS, async () => {
      const now = await shown('vm', 'goes')
      return now.status?.phase === 'Running' && now.status.nodeName !== 'h1' ? now : null
    })
    expect(conditionOf(moved, 'Failover')).toMatchObject({ status: 'True', reason: 'FailedOver' })
    expect(conditionOf(await shown('node', 'h1'), 'HostDead')).toMatchObject({ status: 'True', reason: 'Fenced' })
    expect(await uidsOn(moved.status?.nodeName ?? '')).toContain(goes.metadata.uid)
    const left = await shown('vm', 'waits')
    expect(conditionOf(left, 'Failover')).toMatchObject({ status: 'False', reason: 'WaitingForHost' })
    for (const name of ['h2', 'h3']) expect(await uidsOn(name)).not.toContain(waits.metadata.uid)
    const { figure } = await cluster.scheduler.metrics()
    expect(figure('berth_hosts{state="dead"}')).toBe(1)
    expect(figure('berth_fencing_attempts_total{outcome="succeeded"}')).toBe(1)
    expect(figure('berth_failovers_total{evidence="fenced"}')).toBe(1)
  })
})

it('lets go of the stale copy on a host that is back, and starts there what waited for it', async () => {
  const port = new URL(cluster.served.origin).port
  await scriptsLab(['up', '3', '--dir', cluster.dir, '--allow', `gateway:${port}`, '--scheduler', '--unlocked'])
  const [goes, waits] = [await shown('vm', 'goes'), await shown('vm', 'waits')]
  await waitFor('the machine that waited', BOOT_SECONDS, async () => {
    const { status } = await shown('vm', 'waits')
    return status?.phase === 'Running' && (await uidsOn('h1')).includes(waits.metadata.uid)
  })
  const binding = () =>
    cluster.hostOf('h1').client.transport.json({ path: `/apis/cluster.berth/v1/hostbindings/${goes.metadata.uid}` })
  await waitFor('the stale copy let go of', 60, async () => {
    const { spec, status } = (await binding()) as HostBinding
    return spec.role === 'Released' && status?.phase === 'Released'
  })
  expect(await cluster.hostOf('h1').virsh('list', '--all', '--uuid')).not.toContain(goes.metadata.uid)
})
