// Fakes of hosts' agents for tests of a scheduler: real API servers over real stores and sockets, with a stand-in for what an agent does
// with a binding. It knows no libvirt: a machine "runs" as soon as it is bound and wanted.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { createApiServer } from '../../lib/apiserver/index.ts'
import type { ApiServer } from '../../lib/apiserver/server.ts'
import { Client } from '../../lib/client/client.ts'
import { socketTarget } from '../../lib/client/target.ts'
import { systemClock } from '../../lib/clock.ts'
import { ApiError } from '../../lib/errors.ts'
import { type KubeObject, nameOf } from '../../lib/object.ts'
import { Cache } from '../../lib/reconcile/cache.ts'
import { openSqliteStore } from '../../lib/store/sqlite/open.ts'
import type { Store } from '../../lib/store/store.ts'
import type { AgentClients } from '../../scheduler/links/clients.ts'
import {
  AGENT_KINDS,
  CLAIM,
  CPU_BASELINE,
  type CpuBaseline,
  type HostBinding,
  type Node,
  type NodeClass,
  storedClass,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../schemas/index.ts'
import {
  CLUSTER_IMAGES,
  DISKS,
  HOST_BINDINGS,
  IMAGES,
  NAMESPACES,
  NODES,
  VM_OPERATIONS,
  VMS,
} from '../../schemas/resources.ts'

export interface FakeAgent {
  readonly node: string
  readonly client: Client
  readonly server: ApiServer
  readonly reader: Cache
  readonly store: Store
  /** Says no to bindings with these words; null: takes them again. */
  refuse: ApiError | null
  /** Takes requests that write and never answers. */
  hang: boolean
  /** What it says when it is asked for a common CPU; null: the features that all of them name. */
  baselineFails: ApiError | null
  /** What it obeys. */
  ruler: { instance: string; term: number; revision: string }
  /** Bindings that were written, in order. */
  readonly puts: HostBinding[]
  stop(): Promise<void>
}

export interface FakeAgentOptions {
  readonly cpu?: number
  readonly memory?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Its CPU, as libvirt would say it: here the names of its features. */
  readonly hostModel?: string
  /** Storage classes that it has; absent: it does not tell. */
  readonly classes?: readonly NodeClass[]
}

const BOUND = 'berth/bound'

export async function startFakeAgent(node: string, dir: string, options: FakeAgentOptions = {}): Promise<FakeAgent> {
  const { cpu = 4, memory = '8Gi', labels = {}, hostModel, classes } = options
  const store = await openSqliteStore({ path: join(dir, `${node}.db`) })
  const reader = new Cache({ store, resources: AGENT_KINDS.map(({ resource }) => resource) })
  await reader.start()
  const ruler = { instance: '', term: 0, revision: '0' }
  const fake = {
    refuse: null as ApiError | null,
    baselineFails: null as ApiError | null,
    hang: false,
    ruler,
    puts: [] as HostBinding[],
  }
  const server = await createApiServer({
    store,
    kinds: AGENT_KINDS,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    version: '0.1.0',
    admission: [
      async ({ kind, object, operation }) => {
        if (kind.resource !== HOST_BINDINGS || operation === 'delete') return
        if (fake.hang) await new Promise(() => undefined)
        if (fake.refuse !== null) throw fake.refuse
        fake.puts.push(object as HostBinding)
      },
    ],
    virtual: [
      {
        kind: CLAIM,
        answer: ({ object }) => {
          const ask = object as unknown as { instance: string; term: number; revision: string }
          const accepted =
            (ask.term > ruler.term || (ask.term === ruler.term && ask.instance === ruler.instance)) &&
            BigInt(ask.revision) >= BigInt(ruler.revision)
          if (accepted) Object.assign(ruler, { instance: ask.instance, term: ask.term, revision: ask.revision })
          return { accepted, ...ruler, message: accepted ? '' : 'a newer one is obeyed' }
        },
      },
      {
        kind: CPU_BASELINE,
        answer: ({ object }) => {
          if (fake.baselineFails !== null) throw fake.baselineFails
          const { accelerator, cpus } = object as CpuBaseline
          const [first = [], ...others] = cpus.map((each) => each.split(' '))
          const enabled = first.filter((name) => others.every((each) => each.includes(name))).sort()
          return { accelerator, cpus, baseline: { model: 'Common', features: [], enabled } }
        },
      },
    ],
  })
  const { resources } = server
  await ensure(server, NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  await ensure(server, NODES, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node, labels: { 'kubernetes.io/hostname': node, ...labels } },
    spec: {},
  })
  const host = await resources.get<Node>(NODES, { namespace: '', name: node })
  await resources.modifyStatus<Node>(NODES, { namespace: '', name: node, uid: host?.metadata.uid ?? '' }, () => ({
    capacity: { cpu, memory },
    allocatable: { cpu, memory },
    conditions: [
      { type: 'Ready', status: 'True', reason: 'AgentReady', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ],
    berth: {
      ...(hostModel === undefined ? {} : { cpu: { hostModel, accelerator: 'kvm' } }),
      ...(classes === undefined ? {} : { storage: { classes: classes.map(storedClass) } }),
    },
  }))
  const path = join(dir, `${node}.sock`)
  await server.listen({ unix: { path } })
  let work: Promise<unknown> = Promise.resolve()
  const obey = (uid: string) => {
    work = work.then(() => carryOut(server, reader, node, uid)).catch(() => undefined)
  }
  reader.onChange((change) => {
    const object = change.type === 'put' ? change.entry.value : change.previous
    if (object.kind === 'HostBinding') obey(object.metadata.name)
    else if (object.metadata.annotations?.[BOUND] !== undefined) obey(object.metadata.annotations[BOUND])
  })
  for (const binding of reader.list(HOST_BINDINGS)) obey(binding.metadata.name)
  const client = new Client(socketTarget(path), 'test')
  return Object.assign(fake, {
    node,
    client,
    server,
    reader,
    store,
    stop: async () => {
      await client.close()
      await server.close(200)
      await work
      reader.stop()
      await store.close()
    },
  })
}

async function ensure(server: ApiServer, resource: string, object: object): Promise<void> {
  await server.resources.create(resource, object as never).catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error
  })
}

/** Two imports of one source are never quite the same file. */
const digestOf = (node: string): string => createHash('sha256').update(node).digest('hex')

/** What an agent does with a binding, as far as a scheduler sees it. */
async function carryOut({ resources }: ApiServer, reader: Cache, node: string, uid: string): Promise<void> {
  const binding = reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })
  if (binding === null) return
  const { subject, role, deleted, epoch } = binding.spec
  const name = { namespace: subject.namespace ?? '', name: subject.name }
  const [first, ...others] = binding.objects ?? []
  const say = (phase: 'Accepted' | 'Released') =>
    resources.modifyStatus<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid, uid: binding.metadata.uid }, () => ({
      phase,
      epoch,
    }))
  if (role === 'Released' || deleted === true) {
    await resources.delete(subject.resource, name)
    await say('Released')
    return
  }
  if (first === undefined) return
  await copy(resources, reader, subject.resource, first, uid)
  for (const object of others) {
    if (object.kind === 'VirtualMachineOperation') await copy(resources, reader, VM_OPERATIONS, object, uid)
  }
  const isImage = subject.resource === IMAGES || subject.resource === CLUSTER_IMAGES
  if (subject.resource === VMS) await run(resources, reader, node, uid, name)
  else
    await resources.modifyStatus(subject.resource, { ...name, uid }, (status) => ({
      ...(status as object),
      phase: 'Ready',
      ...(subject.resource === DISKS ? { target: { persistentVolumeClaimName: name.name } } : {}),
      ...(isImage ? { berth: { digest: binding.spec.image?.digest ?? digestOf(node) } } : {}),
    }))
  await say('Accepted')
}

async function copy(
  resources: ApiServer['resources'],
  reader: Cache,
  resource: string,
  object: KubeObject,
  binding: string,
): Promise<void> {
  const marked = {
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [BOUND]: binding } },
  }
  const known = reader.get(resource, nameOf(object))
  if (known === null) await resources.recreate(resource, marked)
  else await resources.modify(resource, nameOf(object), (current) => ({ ...current, spec: object.spec }))
}

/** Runs, or does not, by its run policy and by operations. */
async function run(
  resources: ApiServer['resources'],
  reader: Cache,
  node: string,
  uid: string,
  name: { namespace: string; name: string },
): Promise<void> {
  type Power = { marker?: 'Started' | 'Stopped' }
  const vm = reader.get<VirtualMachine>(VMS, name)
  if (vm === null) return
  let { marker } = ((vm.status as { berth?: { power: Power } } | undefined)?.berth?.power ?? {}) as Power
  for (const operation of reader.list<VirtualMachineOperation>(VM_OPERATIONS, name.namespace)) {
    if (operation.spec.virtualMachineName !== name.name || operation.status?.phase === 'Completed') continue
    if (operation.spec.type === 'Stop') marker = 'Stopped'
    if (operation.spec.type === 'Start') marker = 'Started'
    await resources.modifyStatus<VirtualMachineOperation>(
      VM_OPERATIONS,
      { ...nameOf(operation), uid: operation.metadata.uid },
      () => ({ phase: 'Completed' }),
    )
  }
  const policy = vm.spec.runPolicy
  const on =
    policy === 'AlwaysOn' ||
    (policy === 'AlwaysOnUnlessStoppedManually' && marker !== 'Stopped') ||
    (policy === 'Manual' && marker === 'Started')
  const power = marker === undefined ? {} : { marker }
  await resources.modifyStatus<VirtualMachine>(VMS, { ...name, uid }, (status, current) => ({
    ...status,
    phase: on ? 'Running' : 'Stopped',
    nodeName: on ? node : '',
    observedGeneration: current.metadata.generation ?? 0,
    conditions: [
      {
        type: 'Running',
        status: on ? 'True' : 'False',
        reason: on ? 'Running' : 'NotRunning',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
    berth: { power, machineType: 'pc-q35-7.2' },
  }))
}

/** The fakes as a scheduler finds them. */
export class FakeClients implements AgentClients {
  readonly #agents = new Map<string, FakeAgent>()
  readonly #listeners = new Set<(node: string) => void>()

  add(agent: FakeAgent): void {
    this.#agents.set(agent.node, agent)
    for (const listener of this.#listeners) listener(agent.node)
  }

  remove(node: string): void {
    this.#agents.delete(node)
    for (const listener of this.#listeners) listener(node)
  }

  nodes(): readonly string[] {
    return [...this.#agents.keys()]
  }

  clientFor(node: string): Client | null {
    return this.#agents.get(node)?.client ?? null
  }

  urlOf(node: string): string | null {
    return this.#agents.has(node) ? `https://${node}.invalid:8750` : null
  }

  onChange(listener: (node: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
