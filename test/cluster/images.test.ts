// Images of a real cluster: one host imports, the others copy its content by digest; an import that fails on one host is tried on another.
import { createReadStream, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Node, nodeImagesOf, type VirtualImage, type VirtualMachine } from '../../schemas/index.ts'
import { type Cluster, keepClusterEvidence, sharedCluster } from '../support/cluster.ts'
import { ROOT } from '../support/lab-place.ts'
import { waitFor } from '../support/wait.ts'

const NAMESPACE = 'images'
const IMAGE = join(ROOT, '.cache/guest/guest.qcow2')
const IMPORT_SECONDS = 120

let cluster: Cluster

beforeAll(async () => {
  cluster = await sharedCluster()
  await cluster.kubectl('create', 'namespace', NAMESPACE)
})
beforeEach((context) => keepClusterEvidence(context, cluster))
afterAll(async () => {
  await cluster.kubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=50s')
  await cluster.close()
})

const apply = async (name: string, text: string): Promise<void> => {
  const file = join(cluster.dir, `${name}.yaml`)
  await writeFile(file, text)
  await cluster.kubectl('apply', '-f', file)
}

const image = (name: string, url: string): string => `---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualImage
metadata: {name: ${name}, namespace: ${NAMESPACE}}
spec: {storage: ContainerRegistry, dataSource: {type: HTTP, http: {url: "${url}"}}}
`

const machine = (host: string): string => `---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualDisk
metadata: {name: on-${host}, namespace: ${NAMESPACE}}
spec: {dataSource: {type: ObjectRef, objectRef: {kind: VirtualImage, name: once}}}
---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualMachine
metadata: {name: on-${host}, namespace: ${NAMESPACE}}
spec:
  virtualMachineClassName: generic
  nodeSelector: {kubernetes.io/hostname: ${host}}
  cpu: {cores: 1, coreFraction: 10%}
  memory: {size: 256Mi}
  terminationGracePeriodSeconds: 1
  blockDeviceRefs: [{kind: VirtualDisk, name: on-${host}}]
`

function send(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': statSync(IMAGE).size })
  createReadStream(IMAGE)
    .on('error', () => response.destroy())
    .pipe(response)
}

it('imports an image once, and copies it to the hosts that need it', async () => {
  const askers: string[] = []
  const url = cluster.served.with('once.qcow2', (request: IncomingMessage, response) => {
    askers.push(request.socket.remoteAddress ?? '')
    send(response)
  })
  await apply('once', image('once', url) + ['h1', 'h2'].map(machine).join(''))
  await waitFor('machines on both hosts', IMPORT_SECONDS, async () => {
    const items = await cluster.scheduler.list<VirtualMachine>('vm', NAMESPACE)
    return items.length === 2 && items.every(({ status }) => status?.phase === 'Running')
  })
  expect(new Set(askers).size).toBe(1)
  const { status } = await cluster.scheduler.get<VirtualImage>('vi', 'once', NAMESPACE)
  const { digest } = (status as unknown as { berth: { digest: string } }).berth
  for (const host of ['h1', 'h2'])
    await waitFor(`${host} that tells of the image`, 30, async () =>
      nodeImagesOf(await cluster.scheduler.get<Node>('node', host)).includes(digest),
    )
})

it('lets another host import what one cannot', async () => {
  const askers: string[] = []
  const url = cluster.served.with('flaky.qcow2', (request: IncomingMessage, response) => {
    const asker = request.socket.remoteAddress ?? ''
    askers.push(asker)
    if (asker === askers[0]) response.writeHead(503).end()
    else send(response)
  })
  await apply('flaky', image('flaky', url))
  await waitFor('the image', IMPORT_SECONDS, async () => {
    const { status } = await cluster.scheduler.get<VirtualImage>('vi', 'flaky', NAMESPACE)
    return status?.phase === 'Ready'
  })
  expect(new Set(askers).size).toBe(2)
})
