// What a cluster does for its users, by clients that do not give up. Together the scenarios pass every named crash point of scheduler and hosts.
// h1 and h2 have the machines that move; h3 leaves, joins anew, and dies.
import { getCondition } from '../../lib/conditions.ts'
import { isApiError } from '../../lib/errors.ts'
import type { Condition, KubeObject } from '../../lib/object.ts'
import type { JoinTokenAnswer } from '../../schemas/cluster/membership.ts'
import type { VirtualMachine, VirtualMachineOperation } from '../../schemas/index.ts'
import { waitFor } from '../support/wait.ts'
import { moves } from './moves-scenario.ts'
import { RunningCopies } from './running-copies.ts'
import {
  among,
  ask,
  disk,
  fromSecret,
  hasEnded,
  machine,
  open,
  runs,
  type Scenario,
  type Scene,
  SECONDS,
  secret,
  sharedClass,
  wordsOf,
} from './scene.ts'
import { type Draft, SteadyObjects } from './steady-objects.ts'

const ownClass = (name: string): Draft => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha3',
  kind: 'VirtualMachineClass',
  metadata: { name },
  spec: { cpu: { type: 'Model', model: 'Nehalem' } },
})

const untilPhase = (objects: SteadyObjects, kind: string, name: string, phase: string): Promise<KubeObject> =>
  objects.until(kind, name, ({ status }) => (status as { phase?: string } | undefined)?.phase === phase, SECONDS)

async function done(objects: SteadyObjects, vm: string, type: 'Start' | 'Stop'): Promise<void> {
  const name = await ask(objects, vm, type)
  const ended = await objects.until<VirtualMachineOperation>('VirtualMachineOperation', name, hasEnded, SECONDS)
  if (ended.status?.phase !== 'Completed') throw new Error(`${type} of ${vm} ended ${wordsOf(ended)}`)
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
    const { objects, cluster, powerOn, rest } = scene
    const host = cluster.hostOf('h3')
    const name = `failover-${turn}`
    const nodeSelector = among('failover', turn)
    await open(scene, nodeSelector, 'h3')
    await objects.create(sharedClass(name))
    await objects.create(disk(name, '1Mi', { storageClassName: name }))
    const { metadata } = await objects.create(machine(name, { nodeSelector }, { 'berth/failover': 'enabled' }))
    const copies = await RunningCopies.open(cluster.hosts, [{ domain: `default.${name}`, uid: metadata.uid }])
    try {
      await runsOrIsBroughtBack(scene, name)
      await open(scene, nodeSelector, 'h1', 'h2')
      await promisedOrElsewhere(objects, name, metadata.uid)
      await cluster.whileCutOff(host, async () => {
        await objects.until<VirtualMachine>('VirtualMachine', name, runsElsewhere, SECONDS)
      })
      await powerOn()
      await objects.until<KubeObject>('Node', 'h3', isReady, SECONDS)
      await rest()
      if (copies.twice.length > 0) throw new Error(copies.twice.join('\n'))
    } finally {
      await copies.stop()
    }
    await objects.remove('VirtualMachine', name, SECONDS)
    await objects.remove('VirtualDisk', name, SECONDS)
    await objects.remove('StorageClass', name, SECONDS)
  },
}

/**
 * It runs on the only host that it may have yet. One that dies again and again is not heard for as long as its lease lasts, and is powered off
 * before its time: then somebody has to bring it back.
 */
const runsOrIsBroughtBack = ({ objects, powerOn }: Scene, name: string): Promise<true> =>
  waitFor(`${name} that runs`, SECONDS, async () => {
    if (isDead(await objects.get('Node', 'h3'))) {
      await powerOn()
      await objects.until<KubeObject>('Node', 'h3', isReady, SECONDS)
    }
    return (await objects.get<VirtualMachine>('VirtualMachine', name)).status?.phase === 'Running'
  })

const isDead = ({ status }: KubeObject): boolean =>
  (status as { readonly berth?: { readonly death?: unknown } } | undefined)?.berth?.death !== undefined

/** The scheduler knows that the host counts the machine among those that may be failed over, or has done so already. */
const promisedOrElsewhere = (objects: SteadyObjects, name: string, uid: string): Promise<true> =>
  waitFor(`${name} that may be failed over`, SECONDS, async () => {
    const { status } = await objects.get('Node', 'h3')
    if (JSON.stringify(status ?? {}).includes(`"${uid}":`)) return true
    return runsElsewhere(await objects.get<VirtualMachine>('VirtualMachine', name))
  })

const runsElsewhere = ({ status }: VirtualMachine): boolean => status?.phase === 'Running' && status.nodeName !== 'h3'

/** Lanes that go side by side. */
export const CLUSTER_SCENARIOS: readonly (readonly Scenario[])[] = [[moves], [life], [membership, failover]]
