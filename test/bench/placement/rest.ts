// Placement through REST with durable commit: machines are posted over the unix socket by another process, and count when the decision is on
// disk. Agents are simulated (agents.ts). Run alone: node dist/test/bench/placement/rest.js [HOSTS] [PER_HOST] [MACHINES]
import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { Agent } from 'undici'
import { createApiServer } from '../../../lib/apiserver/server.ts'
import { systemClock } from '../../../lib/clock.ts'
import { ownerIndexes } from '../../../lib/controllers/owners.ts'
import type { KubeObject } from '../../../lib/object.ts'
import { Cache } from '../../../lib/reconcile/cache.ts'
import { silentLog } from '../../../lib/reconcile/log.ts'
import { openSqliteStore } from '../../../lib/store/sqlite/open.ts'
import { MAX_OPS, type Store } from '../../../lib/store/store.ts'
import { createHosting } from '../../../scheduler/hosting.ts'
import { CLUSTER_INDEXES } from '../../../scheduler/indexes.ts'
import { type ClusterVmStatus, clusterStatusOf, KINDS } from '../../../schemas/index.ts'
import { CLUSTER_IMAGES, NAMESPACES, NODES, VM_CLASSES, VMS } from '../../../schemas/resources.ts'
import { BenchAgents, benchNode } from './agents.ts'

const PARALLEL = 64
const COOL_MS = 2_000

export interface RestFigures {
  readonly perSecond: number
  readonly acceptedPerSecond: number
  readonly machines: number
  readonly rssMiB: number
  readonly cpuSeconds: number
}

const spec = (labels: object) => ({
  runPolicy: 'AlwaysOn',
  virtualMachineClassName: 'generic',
  cpu: { cores: 1, coreFraction: '10%' },
  memory: { size: '256Mi' },
  blockDeviceRefs: [{ kind: 'ClusterVirtualImage', name: 'base' }],
  ...labels,
})

/** Machines that have a place already, straight into the store. */
async function fill(store: Store, nodes: readonly string[], perHost: number): Promise<void> {
  const all = nodes.flatMap((node) => Array.from({ length: perHost }, (_, at) => ({ node, name: `old-${node}-${at}` })))
  for (let from = 0; from < all.length; from += MAX_OPS)
    await store.transact(
      all.slice(from, from + MAX_OPS).map(({ node, name }) => ({
        op: 'create' as const,
        key: { resource: VMS, namespace: 'default', name },
        value: {
          apiVersion: 'virtualization.deckhouse.io/v1alpha2',
          kind: 'VirtualMachine',
          metadata: {
            name,
            namespace: 'default',
            uid: `uid-${name}`,
            resourceVersion: '',
            generation: 1,
            creationTimestamp: '2026-01-01T00:00:00Z',
            finalizers: ['berth/hosts'],
          },
          spec: spec({}),
          status: { phase: 'Running', berth: { placement: { node, epoch: 1, since: '2026-01-01T00:00:00Z' } } },
        } as KubeObject,
      })),
    )
}

export async function measureRest(hosts: number, perHost: number, machines: number): Promise<RestFigures> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-rest-'))
  const store = await openSqliteStore({ path: join(dir, 'berth.db') })
  const nodes = Array.from({ length: hosts }, (_, at) => benchNode(`n${at}`, 16, '64Gi'))
  const path = join(dir, 'api.sock')
  try {
    await fill(
      store,
      nodes.map(({ metadata }) => metadata.name),
      perHost,
    )
    const reader = new Cache({
      store,
      resources: KINDS.map(({ resource }) => resource),
      indexes: { ...ownerIndexes(KINDS), ...CLUSTER_INDEXES },
    })
    await reader.start()
    const server = await createApiServer({
      store,
      kinds: KINDS,
      clock: systemClock,
      log: pino({ level: 'silent' }),
      version: 'bench',
    })
    const { resources } = server
    await resources.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
    await resources.create(VM_CLASSES, {
      apiVersion: 'virtualization.deckhouse.io/v1alpha3',
      kind: 'VirtualMachineClass',
      metadata: { name: 'generic' },
      spec: { cpu: { type: 'Host' } },
    } as never)
    await resources.create(CLUSTER_IMAGES, {
      apiVersion: 'virtualization.deckhouse.io/v1alpha2',
      kind: 'ClusterVirtualImage',
      metadata: { name: 'base' },
      spec: { dataSource: { type: 'HTTP', http: { url: 'http://images.invalid/base.qcow2' } } },
    } as never)
    for (const { metadata } of nodes)
      await resources.create(NODES, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: metadata.name },
        spec: {},
      } as never)
    const clients = new BenchAgents(nodes)
    const hosting = createHosting({
      store,
      reader,
      resources,
      events: { record: () => undefined },
      clients,
      clock: systemClock,
      log: silentLog,
    })
    await server.listen({ unix: { path } })
    for (const controller of hosting.controllers) controller.start()
    hosting.start()
    await settled(
      () => hosting.binder.depth + hosting.machines.controller.depth,
      () => clients.taken,
      hosts * perHost,
    )
    let placed = 0
    const done = new Promise<number>((resolve) => {
      reader.onChange((change) => {
        if (change.type !== 'put' || !change.entry.key.name.startsWith('new-')) return
        const had = clusterStatusOf<ClusterVmStatus>(change.previous).placement
        if (had !== undefined || clusterStatusOf<ClusterVmStatus>(change.entry.value).placement === undefined) return
        placed += 1
        if (placed === machines) resolve(performance.now())
      })
    })
    const cpu = process.cpuUsage()
    const load = fork(fileURLToPath(import.meta.url), ['--load', path, String(machines)])
    const accepted = new Promise<number>((resolve, reject) => {
      load.once('error', reject)
      load.once('exit', (code) =>
        code === 0 ? resolve(performance.now()) : reject(new Error(`the load ended with ${code}`)),
      )
    })
    const began = await new Promise<number>((resolve) => load.once('message', () => resolve(performance.now())))
    const [lastPlaced, lastAccepted] = await Promise.all([done, accepted])
    const { user, system } = process.cpuUsage(cpu)
    const figures = {
      perSecond: Math.round(machines / ((lastPlaced - began) / 1000)),
      acceptedPerSecond: Math.round(machines / ((lastAccepted - began) / 1000)),
      machines,
      rssMiB: Math.round(process.memoryUsage().rss / 1_048_576),
      cpuSeconds: (user + system) / 1e6,
    }
    await hosting.stop()
    await Promise.all(hosting.controllers.map((controller) => controller.stop()))
    await server.close(500)
    reader.stop()
    return figures
  } finally {
    await store.close()
    await rm(dir, { recursive: true, force: true })
  }
}

/** Every binding of the machines that were there before is put. */
async function settled(depth: () => number, taken: () => number, wanted: number): Promise<void> {
  for (;;) {
    await systemClock.sleep(COOL_MS)
    if (depth() === 0 && taken() >= wanted) return
  }
}

async function load(path: string, machines: number): Promise<void> {
  const agent = new Agent({ connect: { socketPath: path }, connections: PARALLEL })
  process.send?.('begins')
  let next = 0
  const worker = async () => {
    while (next < machines) {
      const name = `new-${next}`
      next += 1
      const { statusCode, body } = await agent.request({
        origin: 'http://localhost',
        path: '/apis/virtualization.deckhouse.io/v1alpha2/namespaces/default/virtualmachines',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          apiVersion: 'virtualization.deckhouse.io/v1alpha2',
          kind: 'VirtualMachine',
          metadata: { name },
          spec: spec({}),
        }),
      })
      const text = await body.text()
      if (statusCode !== 201) throw new Error(`${statusCode}: ${text}`)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
  await agent.close()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === '--load') {
    await load(process.argv[3] ?? '', Number(process.argv[4]))
    process.disconnect?.()
  } else {
    const [hosts = 1000, perHost = 50, machines = 2000] = process.argv.slice(2).map(Number)
    process.stdout.write(`${JSON.stringify(await measureRest(hosts, perHost, machines))}\n`)
  }
}
