// What must hold once a cluster has come to rest, whoever died on the way there: each host is as its own objects say, what hosts were told is
// what the scheduler remembers, and nothing is kept of what nobody asks for.
import type { KubeObject } from '../../lib/object.ts'
import {
  type ClusterDiskStatus,
  type ClusterImageStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type HostBinding,
  isBound,
  openMigration,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../schemas/index.ts'
import { violations } from '../chaos/invariants/index.ts'
import { labelOf, listed, phaseOf } from '../chaos/invariants/seen.ts'
import type { Cluster } from '../support/cluster.ts'
import type { LabHost } from '../support/lab-host.ts'
import { waitFor } from '../support/wait.ts'
import type { SteadyObjects } from './steady-objects.ts'

/** QEMU's migration ports, as libvirt gives them out. */
const MIGRATION_PORT = /:49[1-9]\d\d\b/
/** Copies of these are made for a binding, and erased with the last one that asks for them. */
const ALONG = ['Secret', 'ConfigMap', 'StorageClass', 'VirtualMachineClass', 'VirtualMachineOperation'] as const
const SUBJECTS = ['VirtualMachine', 'VirtualDisk', 'VirtualImage'] as const
const ENDED = ['Completed', 'Failed', 'Superseded']

interface Told {
  readonly host: LabHost
  readonly bindings: readonly HostBinding[]
}

/** @throws naming what is wrong */
export async function clusterAtRest(cluster: Cluster, objects: SteadyObjects, seconds = 120): Promise<void> {
  let last: readonly string[] = []
  await waitFor(
    'scheduler and hosts at rest, and of one mind',
    seconds,
    async () => {
      last = await wrongs(cluster, objects)
      return last.length === 0
    },
    () => last.join('\n'),
  )
}

async function wrongs(cluster: Cluster, objects: SteadyObjects): Promise<readonly string[]> {
  const told = await Promise.all(
    cluster.hosts.map(async (host) => ({ host, bindings: await listed<HostBinding>(host, 'HostBinding') })),
  )
  const subjects = (await Promise.all(SUBJECTS.map((kind) => objects.list(kind)))).flat()
  const operations = await objects.list<VirtualMachineOperation>('VirtualMachineOperation')
  const hosts = await Promise.all(told.map(wrongHost))
  return [
    ...operations
      .filter(({ status }) => !ENDED.includes(status?.phase ?? ''))
      .map((operation) => `${labelOf(operation)} is ${phaseOf(operation)}`),
    ...subjects.flatMap((subject) => wrongSubject(subject, told)),
    ...told.flatMap(({ host, bindings }) =>
      bindings
        .filter(({ metadata }) => !subjects.some((subject) => subject.metadata.uid === metadata.name))
        .map(({ spec }) => `${host.name} has a word about ${spec.subject.name}, which the scheduler does not know`),
    ),
    ...hosts.flat(),
  ]
}

/** A host by itself: domains, processes and files against its objects, copies against the words that ask for them. */
async function wrongHost({ host, bindings }: Told): Promise<readonly string[]> {
  const asking = bindings.filter(({ spec }) => spec.role !== 'Released')
  const asked = new Set(asking.flatMap(({ objects = [] }) => objects.map(({ metadata }) => metadata.uid)))
  const copies = (await Promise.all([...ALONG, ...SUBJECTS].map((kind) => listed<KubeObject>(host, kind)))).flat()
  const ports = (await host.exec('ss', '-tlnH')).split('\n').filter((line) => MIGRATION_PORT.test(line))
  const all = [
    ...(await violations(host)),
    ...bindings
      .filter(
        ({ spec, status }) => !['Accepted', 'Released'].includes(status?.phase ?? '') || status?.epoch !== spec.epoch,
      )
      .map(
        ({ spec, status }) => `its word about ${spec.subject.name} of epoch ${spec.epoch}: ${JSON.stringify(status)}`,
      ),
    ...copies
      .filter((copy) => isBound(copy) && !asked.has(copy.metadata.uid))
      .map((copy) => `nobody asks for its copy of ${labelOf(copy)}`),
    ...asking
      .filter(({ metadata }) => !copies.some((copy) => copy.metadata.uid === metadata.name))
      .map(({ spec }) => `it has a word about ${spec.subject.name}, and not the object`),
    ...ports.map((line) => `it listens: ${line}`),
  ]
  return all.map((words) => `${host.name}: ${words}`)
}

/** What the scheduler remembers of it against what hosts were told, and have. */
function wrongSubject(subject: KubeObject, told: readonly Told[]): readonly string[] {
  const has = new Map(
    told.flatMap(({ host, bindings }) =>
      bindings
        .filter(({ metadata, spec }) => metadata.name === subject.metadata.uid && spec.role !== 'Released')
        .map(({ spec }) => [host.name, spec] as const),
    ),
  )
  const hosts = [...has.keys()].sort()
  const {
    placement,
    leaving = [],
    nodes,
  } = clusterStatusOf<ClusterVmStatus & ClusterDiskStatus & ClusterImageStatus>(subject)
  const wanted = nodes ?? (placement === undefined ? [] : [placement.node])
  const say = (words: string) => [`${labelOf(subject)}: ${words}`]
  return [
    ...(subject.metadata.deletionTimestamp === undefined ? [] : say('it is being deleted')),
    // An image stays where disks were made of it.
    ...((nodes === undefined ? hosts.join() === wanted.join() : wanted.every((node) => has.has(node)))
      ? []
      : say(`${hosts.join() || 'no host'} has it, and the scheduler remembers ${wanted.join() || 'none'}`)),
    ...(leaving.length === 0 ? [] : say(`${JSON.stringify(leaving)} may have it still`)),
    ...(placement === undefined || has.get(placement.node)?.epoch === placement.epoch
      ? []
      : say(`its epoch is ${placement.epoch}, and ${placement.node} was told ${has.get(placement.node)?.epoch}`)),
    ...(openMigration(clusterStatusOf<ClusterVmStatus>(subject)) === null ? [] : say('it is being moved')),
    ...(subject.kind === 'VirtualMachine' ? wrongMachine(subject as VirtualMachine, placement?.node).flatMap(say) : []),
  ]
}

function wrongMachine({ status }: VirtualMachine, node: string | undefined): readonly string[] {
  const moving = (status?.conditions ?? []).find(({ type }) => type === 'Migrating')
  return [
    ...(['Running', 'Stopped'].includes(status?.phase ?? '') ? [] : [`it is ${status?.phase}`]),
    ...(status?.phase !== 'Running' || status.nodeName === node ? [] : [`it shows ${status.nodeName}, not ${node}`]),
    ...(moving === undefined ? [] : [`its condition Migrating says ${moving.message}`]),
  ]
}
