// What a cluster does for its users, by clients that do not give up. Together the scenarios pass every named crash point of scheduler and hosts.
// h1 and h2 have the machines that move; h3 leaves, joins anew, and dies.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { getCondition } from '../../lib/conditions.ts'
import { isApiError } from '../../lib/errors.ts'
import type { Condition, KubeObject } from '../../lib/object.ts'
import type { JoinTokenAnswer } from '../../schemas/cluster/membership.ts'
import type { HostBinding, VirtualMachine, VirtualMachineOperation } from '../../schemas/index.ts'
import { listed } from '../chaos/invariants/seen.ts'
import type { Cluster } from '../support/cluster.ts'
import type { LabHost } from '../support/lab-host.ts'
import { waitFor } from '../support/wait.ts'
import { clusterAtRest } from './cluster-rest.ts'
import { ConsoleTails } from './console-tails.ts'
import { COUNTING_GUEST } from './counting-guest.ts'
import { RunningCopies } from './running-copies.ts'
import { type Draft, SteadyObjects } from './steady-objects.ts'

export interface Scene {
  readonly cluster: Cluster
  readonly objects: SteadyObjects
  /** Brings a host back whose power was cut. */
  readonly powerOn: () => Promise<void>
}

export interface Scenario {
  readonly name: string
  /** Nothing of it is left in the end. @param turn how often it ran before */
  run(scene: Scene, turn: number): Promise<void>
}

const V1ALPHA2 = 'virtualization.deckhouse.io/v1alpha2'
const BOOT_SECONDS = 240
/** With somebody who dies in the midst. */
const SECONDS = 180
/** Each death may have a move fail, which is asked for anew. */
const MOVE_SECONDS = 1_200
const ENDED: readonly string[] = ['Completed', 'Failed', 'Superseded']
/** So slow that a transfer does not end by itself. */
const CRAWLING = { 'berth/migration-bandwidth': '1Mi' } as const

const secret = (name: string, userData: string): Draft => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  type: 'provisioning.virtualization.deckhouse.io/cloud-init',
  stringData: { userData },
})

/** `storageClassName`: of a shared class. */
const disk = (
  name: string,
  size: string,
  { storageClassName, image }: { readonly storageClassName?: string; readonly image?: string } = {},
): Draft => ({
  apiVersion: V1ALPHA2,
  kind: 'VirtualDisk',
  metadata: { name },
  spec: {
    persistentVolumeClaim: { size, ...(storageClassName === undefined ? {} : { storageClassName }) },
    ...(image === undefined
      ? {}
      : { dataSource: { type: 'ObjectRef', objectRef: { kind: 'VirtualImage', name: image } } }),
  },
})

/** With a disk of the same name. */
const machine = (name: string, spec: object, annotations: Readonly<Record<string, string>> = {}): Draft => ({
  apiVersion: V1ALPHA2,
  kind: 'VirtualMachine',
  metadata: { name, annotations },
  spec: {
    virtualMachineClassName: 'generic',
    terminationGracePeriodSeconds: 1,
    cpu: { cores: 1, coreFraction: '5%' },
    memory: { size: '32Mi' },
    blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
    ...spec,
  },
})

const fromSecret = (name: string) => ({
  provisioning: { type: 'UserDataRef', userDataRef: { kind: 'Secret', name } },
})

/** A class whose folder all hosts have. */
const sharedClass = (name: string): Draft => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: 'berth/dir',
  parameters: { path: `/var/lib/berth-shared/${name}`, shared: 'true' },
})

const ownClass = (name: string): Draft => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha3',
  kind: 'VirtualMachineClass',
  metadata: { name },
  spec: { cpu: { type: 'Model', model: 'Nehalem' } },
})

/** Label of hosts where machines of a scenario may run; a host may get it later. */
const among = (scenario: string, turn: number) => ({ [`points/${scenario}`]: String(turn) })

async function open({ objects }: Scene, labels: ReturnType<typeof among>, ...names: readonly string[]): Promise<void> {
  for (const name of names) await objects.patch('Node', name, { metadata: { labels } })
}

const runs = (objects: SteadyObjects, name: string, seconds = SECONDS): Promise<VirtualMachine> =>
  objects.until<VirtualMachine>('VirtualMachine', name, ({ status }) => status?.phase === 'Running', seconds)

const untilPhase = (objects: SteadyObjects, kind: string, name: string, phase: string): Promise<KubeObject> =>
  objects.until(kind, name, ({ status }) => (status as { phase?: string } | undefined)?.phase === phase, SECONDS)

let operations = 0

async function ask(objects: SteadyObjects, vm: string, type: string, annotations = {}): Promise<string> {
  const name = `${vm}-${type.toLowerCase()}-${++operations}`
  const spec = { type, virtualMachineName: vm }
  await objects.create({ apiVersion: V1ALPHA2, kind: 'VirtualMachineOperation', metadata: { name, annotations }, spec })
  return name
}

const hasEnded = ({ status }: VirtualMachineOperation): boolean => ENDED.includes(status?.phase ?? '')

const wordsOf = ({ status }: VirtualMachineOperation): string => {
  const { reason = '', message = '' } = getCondition(status?.conditions as Condition[], 'Completed') ?? {}
  return `${status?.phase} ${reason}: ${message}`
}

async function done(objects: SteadyObjects, vm: string, type: 'Start' | 'Stop'): Promise<void> {
  const name = await ask(objects, vm, type)
  const ended = await objects.until<VirtualMachineOperation>('VirtualMachineOperation', name, hasEnded, SECONDS)
  if (ended.status?.phase !== 'Completed') throw new Error(`${type} of ${vm} ended ${wordsOf(ended)}`)
}

/** A guest that shows whether it lived on. */
interface Counting {
  readonly name: string
  readonly tails: ConsoleTails
  /** Moves that were asked for. */
  asked: number
}

/** It counts on, no number came twice or is missing, no sum was wrong. */
async function lives(objects: SteadyObjects, { name, tails, asked }: Counting): Promise<void> {
  const { status } = await runs(objects, name)
  const host = status?.nodeName ?? ''
  const last = tails.counts().at(-1) ?? 0
  await waitFor(
    `${name} that counts on ${host}`,
    SECONDS,
    () => Math.max(0, ...tails.counts(host)) > last + 1,
    () => `${tails}`,
  )
  const faults = tails.faults(asked)
  if (faults.length > 0) throw new Error(`${name}: ${faults.join('\n')}\n${tails}`)
}

/** Until one of its moves has come to its end. Who dies in the midst may have it fail, in words; the guest goes on then. */
async function moved(objects: SteadyObjects, counting: Counting): Promise<void> {
  const from = (await runs(objects, counting.name)).status?.nodeName
  await waitFor(`${counting.name} on another host than ${from}`, MOVE_SECONDS, async () => {
    counting.asked++
    const name = await ask(objects, counting.name, 'Migrate')
    const ended = await objects.until<VirtualMachineOperation>('VirtualMachineOperation', name, hasEnded, SECONDS)
    await lives(objects, counting)
    if (ended.status?.phase === 'Completed') return true
    if (!/Failed \w+: ./.test(wordsOf(ended))) throw new Error(`${name} ended ${wordsOf(ended)}`)
    process.stdout.write(`${name}: ${wordsOf(ended)}\n`)
    return false
  })
  const to = (await runs(objects, counting.name)).status?.nodeName
  if (to === from) throw new Error(`${counting.name} is still on ${from}`)
}

/** A transfer is called off by the deletion of its operation. One that ended before, as somebody died, is asked for anew. */
async function calledOff({ objects, cluster }: Scene, counting: Counting): Promise<void> {
  const { nodeName = '' } = (await runs(objects, counting.name)).status ?? {}
  const isSending = ({ spec, status }: HostBinding): boolean =>
    spec.subject.name === counting.name &&
    status?.migration?.phase === 'Transferring' &&
    status.migration.progress?.totalBytes !== undefined
  for (let wasSending = false; !wasSending; ) {
    counting.asked++
    const name = await ask(objects, counting.name, 'Migrate', CRAWLING)
    await waitFor(`${name} under way, or over`, SECONDS, async () => {
      const bindings = await listed<HostBinding>(cluster.hostOf(nodeName), 'HostBinding')
      wasSending = bindings.some(isSending)
      return wasSending || hasEnded(await objects.get<VirtualMachineOperation>('VirtualMachineOperation', name))
    })
    await objects.remove('VirtualMachineOperation', name, SECONDS)
    await lives(objects, counting)
  }
}

/** Two guests with Secrets and an image, one on a disk of the host's own and one on a shared disk, go to another host and back. */
const moves: Scenario = {
  name: 'moves',
  async run(scene, turn) {
    const { objects, cluster } = scene
    const nodeSelector = among('moves', turn)
    await open(scene, nodeSelector, 'h1')
    const storageClassName = `moves-${turn}`
    await objects.create(sharedClass(storageClassName))
    const image = `guest-${turn}`
    const dataSource = { type: 'HTTP', http: { url: cluster.served.url('guest.qcow2') } }
    const spec = { storage: 'ContainerRegistry', dataSource }
    await objects.create({ apiVersion: V1ALPHA2, kind: 'VirtualImage', metadata: { name: image }, spec })
    await objects.create(secret('counting', COUNTING_GUEST))
    const names = [`local-${turn}`, `shared-${turn}`]
    const counting: Counting[] = []
    for (const name of names) {
      await objects.create(disk(name, '128Mi', { image, ...(name.startsWith('shared') ? { storageClassName } : {}) }))
      const { metadata } = await objects.create(
        machine(name, { memory: { size: '128Mi' }, nodeSelector, ...fromSecret('counting') }),
      )
      counting.push({ name, tails: new ConsoleTails(cluster.hosts, metadata.uid), asked: 0 })
    }
    const watched = await Promise.all(
      names.map(async (name) => ({
        domain: `default.${name}`,
        uid: (await objects.get('VirtualMachine', name)).metadata.uid,
      })),
    )
    const copies = await RunningCopies.open(cluster.hosts, watched)
    try {
      for (const { tails } of counting)
        await waitFor(
          'a guest that counts and has written',
          BOOT_SECONDS,
          () => tails.counts().length > 3 && tails.goodSums().length > 0,
          () => `${tails}`,
        )
      await open(scene, nodeSelector, 'h2')
      // One waits for its turn, prepared.
      await Promise.all(counting.map((one) => moved(objects, one)))
      await clusterAtRest(cluster, objects)
      const [first] = counting
      if (first !== undefined) await calledOff(scene, first)
      for (const one of counting) await moved(objects, one)
      await clusterAtRest(cluster, objects)
      if (copies.twice.length > 0) throw new Error(copies.twice.join('\n'))
      for (const name of names) await objects.remove('VirtualMachine', name, SECONDS)
      for (const name of names) await objects.remove('VirtualDisk', name, SECONDS)
      await objects.remove('Secret', 'counting', SECONDS)
      await objects.remove('VirtualImage', image, SECONDS)
      await objects.remove('StorageClass', storageClassName, SECONDS)
      await clusterAtRest(cluster, objects)
      if (copies.twice.length > 0) throw new Error(copies.twice.join('\n'))
      const left = await readdir(join(cluster.dir, `shared/${storageClassName}/disks`))
      if (left.length > 0) throw new Error(`the shared folder has ${left}`)
    } finally {
      for (const { tails } of counting) tails.close()
      await copies.stop()
    }
  },
}

/**
 * A machine with a class, a Secret and a namespace of its own is made, changed, stopped, started and deleted; twice, as a death can hide half
 * of it.
 */
const life: Scenario = {
  name: 'life',
  async run(scene, turn) {
    const all = scene.objects
    const nodeSelector = among('life', turn)
    await open(scene, nodeSelector, 'h1', 'h2')
    for (let time = 0; time < 2; time++) {
      const name = `life-${turn}-${time}`
      const objects = all.within(name)
      await all.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
      await objects.create(ownClass(name))
      await objects.create(secret(name, '#cloud-config\n'))
      await objects.create(disk(name, '1Mi'))
      await objects.create(machine(name, { virtualMachineClassName: name, nodeSelector, ...fromSecret(name) }))
      await runs(objects, name)
      await objects.patch('Secret', name, { stringData: { userData: '#cloud-config\nhostname: other\n' } })
      await objects.patch('VirtualMachine', name, { spec: { memory: { size: '48Mi' } } })
      await done(objects, name, 'Stop')
      await untilPhase(objects, 'VirtualMachine', name, 'Stopped')
      await done(objects, name, 'Start')
      await runs(objects, name)
      await objects.remove('VirtualMachine', name, SECONDS)
      for (const kind of ['VirtualDisk', 'Secret', 'VirtualMachineClass', 'Namespace'])
        await objects.remove(kind, name, SECONDS)
    }
  },
}

/** A host without machines leaves its cluster and joins it anew. */
const membership: Scenario = {
  name: 'membership',
  async run({ objects, cluster }) {
    const host = cluster.hostOf('h3')
    const own = new SteadyObjects(host.client)
    await again('h3 has left', async () => {
      await own.ask('LeaveRequest', {}).catch((error: unknown) => {
        // It had, and nobody heard the answer.
        if (!isApiError(error, 'Conflict') || !`${error}`.includes('no member')) throw error
      })
    })
    await again('h3 has joined', async () => {
      const { token, caHash, servers } = await objects.ask<JoinTokenAnswer>('JoinToken', { ttlSeconds: 600 })
      await own.ask('JoinRequest', { server: servers[0], token, caHash })
    })
    await objects.until<KubeObject>('Node', 'h3', isReady, SECONDS)
  },
}

const again = (what: string, work: () => Promise<void>): Promise<true> =>
  waitFor(what, SECONDS, async () => {
    await work()
    return true
  })

const isReady = ({ status }: KubeObject): boolean =>
  getCondition((status as { conditions?: Condition[] } | undefined)?.conditions, 'Ready')?.status === 'True'

/** A host that is not heard is powered off, its machine runs elsewhere, and the host comes back. */
const failover: Scenario = {
  name: 'failover',
  async run(scene, turn) {
    const { objects, cluster, powerOn } = scene
    const host = cluster.hostOf('h3')
    const name = `failover-${turn}`
    const nodeSelector = among('failover', turn)
    await open(scene, nodeSelector, 'h3')
    await objects.create(sharedClass(name))
    await objects.create(disk(name, '1Mi', { storageClassName: name }))
    const { metadata } = await objects.create(machine(name, { nodeSelector }, { 'berth/failover': 'enabled' }))
    const copies = await RunningCopies.open(cluster.hosts, [{ domain: `default.${name}`, uid: metadata.uid }])
    try {
      await runs(objects, name)
      await open(scene, nodeSelector, 'h1', 'h2')
      await promisedOf(objects, host, metadata.uid)
      await cluster.whileCutOff(host, async () => {
        await objects.until<VirtualMachine>(
          'VirtualMachine',
          name,
          ({ status }) => status?.phase === 'Running' && status.nodeName !== 'h3',
          SECONDS,
        )
      })
      await powerOn()
      await objects.until<KubeObject>('Node', 'h3', isReady, SECONDS)
      await clusterAtRest(cluster, objects)
      if (copies.twice.length > 0) throw new Error(copies.twice.join('\n'))
    } finally {
      await copies.stop()
    }
    await objects.remove('VirtualMachine', name, SECONDS)
    await objects.remove('VirtualDisk', name, SECONDS)
    await objects.remove('StorageClass', name, SECONDS)
  },
}

/** The scheduler knows that the host counts the machine among those that may be failed over. */
const promisedOf = (objects: SteadyObjects, { name }: LabHost, uid: string) =>
  objects.until<KubeObject>('Node', name, ({ status }) => JSON.stringify(status ?? {}).includes(`"${uid}":`), SECONDS)

/** Lanes that go side by side. */
export const CLUSTER_SCENARIOS: readonly (readonly Scenario[])[] = [[moves], [life], [membership, failover]]
