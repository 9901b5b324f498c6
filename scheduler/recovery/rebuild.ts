// `berth-scheduler --rebuild NODE=URL...`: a database from what the hosts have of a scheduler, or (`--missing`) what the database does not have
// of it. Hosts are only read.
import { rm, stat } from 'node:fs/promises'
import { pino } from 'pino'
import type { Resources } from '../../lib/apiserver/resources.ts'
import { createApiServer } from '../../lib/apiserver/server.ts'
import { Client } from '../../lib/client/client.ts'
import { UnreachableError } from '../../lib/client/errors.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import { nodeServerName } from '../../lib/cluster/identity.ts'
import { clusterTarget } from '../../lib/cluster/target.ts'
import { messageOf } from '../../lib/errors.ts'
import { type KubeObject, nameOf } from '../../lib/object.ts'
import { ConfigError } from '../../lib/server/config-error.ts'
import { databaseOf } from '../../lib/server/database.ts'
import { createFirstObjects, makeFirstObjects } from '../../lib/server/first-objects.ts'
import { openSqliteStore } from '../../lib/store/sqlite/open.ts'
import { Witness } from '../../lib/store/sqlite/witness.ts'
import { unavailable } from '../../lib/store/store.ts'
import { FIRST_ROLE } from '../../schemas/core/node-columns.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  discoveryOf,
  HOST_BINDING,
  type HostBinding,
  KINDS,
  lastEpoch,
  NODE,
  type Node,
  VIRTUAL_MACHINE,
  type VirtualMachineClass,
  withDiscovery,
} from '../../schemas/index.ts'
import { NAMESPACES, NODES } from '../../schemas/resources.ts'
import type { SchedulerConfig } from '../config.ts'
import { HOSTS_FINALIZER } from '../controllers/virtualmachine/finalizer.ts'
import { infoOf } from '../links/watched.ts'
import { ClusterAuthority } from '../membership/authority.ts'
import { AGENT_URL, MACHINE } from '../membership/node-record.ts'
import { type HostFinds, NEVER_TOLD, planRebuild, type RebuildPlan, type Recreated } from './plan.ts'

export interface RebuildOptions {
  readonly config: SchedulerConfig
  readonly clock: Clock
  readonly version: string
  /** `NODE=URL` */
  readonly hosts: readonly string[]
  /** Keep the database and add to it, instead of making one. */
  readonly missing: boolean
}

const READ_MS = 60_000

export interface Rebuilt {
  /** What to print. */
  readonly text: string
  /** Whether all that the hosts have of a scheduler was taken up. */
  readonly complete: boolean
}

/** @throws Error with words for the operator, before anything is written */
export async function rebuild(options: RebuildOptions): Promise<Rebuilt> {
  const { config, clock, missing } = options
  const { path, seal } = databaseOf(config.stateDir)
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (!missing && size > 0)
    throw unavailable(
      'unusable',
      `there is a database ${path}: nothing is put over it. Add to it what it does not have with --rebuild --missing, or move it away`,
    )
  const authority = await ClusterAuthority.open(config.stateDir, clock)
  const found = await Promise.all(parseHosts(options.hosts).map((host) => read(host, authority, options)))
  const plan = planRebuild(found, timestamp(clock.now()))
  if (size === 0) await rm(path, { force: true })
  // Hosts that heard of a newer store obey none that is older: this one begins above all that they were told.
  const witness = new Witness(path)
  await witness.read()
  await witness.note({ id: 'hosts', revision: plan.revision })
  const store = await openSqliteStore({ path, seal, restored: true })
  try {
    const server = await createApiServer({
      store,
      kinds: KINDS,
      clock,
      log: pino({ level: 'silent' }),
      version: options.version,
      component: 'berth-scheduler',
    })
    const words = await fill(server.resources, plan, found, options)
    await server.close()
    return { text: report(plan, found, words), complete: problemsOf(plan, words).length === 0 }
  } finally {
    await store.close()
  }
}

interface Host {
  readonly node: string
  readonly url: string
}

/** @throws ConfigError */
function parseHosts(words: readonly string[]): readonly Host[] {
  if (words.length === 0)
    throw new ConfigError(
      'command line',
      'name the hosts: berth-scheduler --rebuild h1=https://10.0.0.1:8750 h2=https://10.0.0.2:8750',
    )
  return words.map((word) => {
    const at = word.indexOf('=')
    const [node, url] = [word.slice(0, at), word.slice(at + 1)]
    if (at < 1 || !URL.canParse(url) || new URL(url).protocol !== 'https:')
      throw new ConfigError('command line', `"${word}" is not NODE=https://ADDRESS:PORT`)
    return { node, url: new URL(url).origin }
  })
}

/** All or nothing: what a host that is not asked has would be taken for lost. */
async function read({ node, url }: Host, authority: ClusterAuthority, { version }: RebuildOptions): Promise<HostFinds> {
  const client = new Client(
    clusterTarget(url, nodeServerName(node), authority.credentials),
    `berth-scheduler/${version}`,
  )
  const list = async <T extends KubeObject>(kind: Parameters<typeof infoOf>[0]) =>
    (await client.objects.list<T>(infoOf(kind), {}, { timeoutMs: READ_MS })).items
  try {
    const [bindings, machines, nodes] = await Promise.all([
      list<HostBinding>(HOST_BINDING),
      list(VIRTUAL_MACHINE),
      list<Node>(NODE),
    ])
    return {
      node,
      url,
      bindings,
      machines: new Map(machines.map((machine) => [machine.metadata.uid, machine])),
      object: nodes.find(({ metadata }) => metadata.name === node) ?? null,
    }
  } catch (error) {
    throw new Error(
      `${node} (${url}) cannot be read, and nothing was written: ${wordsOf(error, node)}. A host that is gone for good is left out of the command line`,
      { cause: error },
    )
  } finally {
    await client.close()
  }
}

/** @returns what did not work, in words */
async function fill(
  resources: Resources,
  plan: RebuildPlan,
  found: readonly HostFinds[],
  { config }: RebuildOptions,
): Promise<readonly string[]> {
  const words: string[] = []
  const attempt = async (title: string, work: () => Promise<unknown>) => {
    await work().catch((error: unknown) => words.push(`${title}: ${messageOf(error)}`))
  }
  for (const name of ['default', ...plan.namespaces])
    if ((await resources.get(NAMESPACES, { namespace: '', name })) === null)
      await attempt(`namespace ${name}`, () =>
        resources.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
      )
  for (const host of found) await attempt(`node ${host.node}`, () => putNode(resources, host))
  for (const each of plan.objects) {
    const { kind, metadata } = each.object
    await attempt(`${kind} ${metadata.namespace ?? ''}/${metadata.name}`, () => takeUp(resources, each))
  }
  // What hosts brought of them is in its place: only what they did not is made.
  await makeFirstObjects(resources)
  await createFirstObjects(resources, config.stateDir)
  return words
}

async function putNode(resources: Resources, { node, url, object }: HostFinds): Promise<void> {
  const machine = object?.status?.nodeInfo?.machineID
  const annotations = { [AGENT_URL]: url, ...(machine === undefined ? {} : { [MACHINE]: machine }) }
  const known = await resources.modify<Node>(NODES, { namespace: '', name: node }, (current) => ({
    ...current,
    metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, ...annotations } },
  }))
  if (known === null)
    await resources.create<Node>(NODES, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: node, labels: { ...FIRST_ROLE }, annotations },
      spec: {},
    })
}

/** An object that is there stays as it is; what is remembered of it is put right when the hosts know of a higher epoch. */
export async function takeUp(resources: Resources, { resource, object, berth, discovered }: Recreated): Promise<void> {
  const here = await resources.get(resource, nameOf(object))
  if (here !== null && here.metadata.uid !== object.metadata.uid)
    throw new Error('another object of that name is in the database; the one on the host stays as it is there')
  const { status: _, ...asked } = object
  if (here === null) await resources.recreate(resource, asked)
  if (discovered !== undefined)
    await resources.modifyStatus<VirtualMachineClass>(
      resource,
      { ...nameOf(object), uid: object.metadata.uid },
      (status, current) =>
        discoveryOf(current) === null ? withDiscovery(status, { ...discovered, nodes: [] }) : status,
    )
  if (berth === null) return
  await resources.modifyStatus(
    resource,
    { ...nameOf(object), uid: object.metadata.uid },
    (status, current) => {
      const known = clusterStatusOf<ClusterVmStatus>(current)
      const isNewer = here === null || lastEpoch(berth) > lastEpoch(known) || known.placement === undefined
      return isNewer ? { ...(status as object), berth: { ...known, ...berth } } : status
    },
    { finalizer: HOSTS_FINALIZER },
  )
}

/** Who is not that host of the cluster shows a certificate that its authority has not signed. */
const wordsOf = (error: unknown, node: string): string =>
  error instanceof UnreachableError && error.isOfAnotherAuthority
    ? `what answers there is not ${node} of this cluster`
    : messageOf(error)

const problemsOf = (plan: RebuildPlan, words: readonly string[]): readonly string[] => [...plan.lost, ...words]

function report(plan: RebuildPlan, found: readonly HostFinds[], words: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const { object } of plan.objects) counts.set(object.kind, (counts.get(object.kind) ?? 0) + 1)
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')
  const problems = problemsOf(plan, words)
  return [
    `${found.length === 1 ? '1 host was' : `${found.length} hosts were`} read: ${kinds === '' ? 'nothing of a scheduler is there' : kinds}.`,
    ...(problems.length === 0
      ? ['All of it is in the database.']
      : [`Not recovered (${problems.length}):`, ...problems.map((line) => `  ${line}`)]),
    'Restore from elsewhere what no host can tell of:',
    ...NEVER_TOLD.map((line) => `  ${line}`),
    'Start the scheduler; it claims the hosts by a higher term.\n',
  ].join('\n')
}
