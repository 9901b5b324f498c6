// Whole lives of objects, one after the other, by a client that does not give up. Together they pass every named crash point. Each acts
// twice where a death in the midst can make the second half of an act needless.
import { diskOfAlias, observeDomain } from '../../lib/domain/index.ts'
import type { VirtualDisk } from '../../schemas/index.ts'
import type { Lab } from '../support/open-lab.ts'
import { waitFor } from '../support/wait.ts'
import { pause } from './pause.ts'
import { SteadySpace } from './steady-space.ts'

export interface Scenario {
  readonly name: string
  /** @param space a namespace of its own, empty; everything in it is gone or at rest in the end */
  run(space: SteadySpace, lab: Lab): Promise<void>
}

const V1ALPHA2 = 'virtualization.deckhouse.io/v1alpha2'
const IMAGE_BYTES = 1_048_576
const SECONDS = 240
const LOOK_MS = 200

/** Start, stop, start, restart, a change of the spec, deletion; with user data. */
const life: Scenario = {
  name: 'life',
  async run(space) {
    await space.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'init' },
      type: 'provisioning.virtualization.deckhouse.io/cloud-init',
      stringData: { userData: '#cloud-config\n' },
    })
    const userDataRef = { kind: 'Secret' as const, name: 'init' }
    await space.bareVm('one', { provisioning: { type: 'UserDataRef', userDataRef } })
    for (let turn = 0; turn < 2; turn++) {
      await space.untilPhase('one', 'Running', SECONDS)
      await done(space, 'one', 'Stop')
      await space.untilPhase('one', 'Stopped', SECONDS)
      await done(space, 'one', 'Start')
      await space.untilPhase('one', 'Running', SECONDS)
      // The action of a reboot goes to and fro.
      for (const size of [turn === 0 ? '48Mi' : '64Mi', turn === 0 ? '32Mi' : '48Mi']) {
        await space.patch('VirtualMachine', 'one', { spec: { memory: { size } } })
        await untilDomain(space, 'one', ({ onReboot }) => onReboot === (size === '32Mi' ? 'restart' : 'destroy'))
      }
    }
    const old = await space.qemuPid('one')
    await done(space, 'one', 'Restart')
    await space.untilNewQemu('one', old, SECONDS)
    await gone(space, 'VirtualMachine', 'one')
    await gone(space, 'VirtualDisk', 'one')
    await gone(space, 'Secret', 'init')
  },
}

/** Disks come to and leave a machine that runs, and grow in it. */
const devices: Scenario = {
  name: 'devices',
  async run(space) {
    await space.bareVm('two')
    await space.disk('second', '1Mi')
    await space.untilPhase('two', 'Running', SECONDS)
    for (let turn = 0; turn < 2; turn++) {
      const refs = ['two', 'second'].map((name) => ({ kind: 'VirtualDisk', name }))
      await space.patch('VirtualMachine', 'two', { spec: { blockDeviceRefs: refs } })
      await untilDisks(space, 'two', 2)
      await grown(space, 'second', turn === 0 ? '2Mi' : '3Mi')
      await space.patch('VirtualMachine', 'two', { spec: { blockDeviceRefs: refs.slice(0, 1) } })
      await untilDisks(space, 'two', 1)
    }
    await gone(space, 'VirtualDisk', 'second')
    await gone(space, 'VirtualMachine', 'two')
    await gone(space, 'VirtualDisk', 'two')
  },
}

/** Imports of both kinds, disks on them, a blank one that grows at rest, and the end of all. */
const storage: Scenario = {
  name: 'storage',
  async run(space, lab) {
    await space.disk('blank', '1Mi')
    await grown(space, 'blank', '2Mi')
    for (const [index, kind] of (['VirtualImage', 'ClusterVirtualImage'] as const).entries()) {
      const name = `${space.namespace}-${index}`
      const url = lab.served.bytes(`${name}.raw`, Buffer.alloc(IMAGE_BYTES, `${name} ${Math.random()}`))
      const own = kind === 'VirtualImage' ? { storage: 'ContainerRegistry' } : {}
      const spec = { ...own, dataSource: { type: 'HTTP', http: { url } } }
      await space.create({ apiVersion: V1ALPHA2, kind, metadata: { name }, spec })
      await ready(space, kind, name)
      const dataSource = { type: 'ObjectRef', objectRef: { kind, name } }
      await space.create({ apiVersion: V1ALPHA2, kind: 'VirtualDisk', metadata: { name }, spec: { dataSource } })
      await ready(space, 'VirtualDisk', name)
      await gone(space, 'VirtualDisk', name)
      await gone(space, kind, name)
    }
    await grown(space, 'blank', '3Mi')
    await gone(space, 'VirtualDisk', 'blank')
  },
}

/** A namespace goes with all that is in it, machines that run among it. */
const namespace: Scenario = {
  name: 'namespace',
  async run(space, lab) {
    const doomed = new SteadySpace(space.host, `${space.namespace}-doomed`)
    await doomed.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: doomed.namespace } })
    for (const name of ['a', 'b']) await doomed.bareVm(name)
    for (const name of ['a', 'b']) await doomed.untilPhase(name, 'Running', SECONDS)
    await done(doomed, 'a', 'Stop')
    const url = lab.served.bytes(`${doomed.namespace}.raw`, Buffer.alloc(IMAGE_BYTES, `${Math.random()}`))
    const spec = { storage: 'ContainerRegistry', dataSource: { type: 'HTTP', http: { url } } }
    await doomed.create({ apiVersion: V1ALPHA2, kind: 'VirtualImage', metadata: { name: 'i' }, spec })
    await ready(doomed, 'VirtualImage', 'i')
    await doomed.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { a: 'b' } })
    await gone(space, 'Namespace', doomed.namespace)
  },
}

/** The host's network is lost while nobody has it, and made anew. Twice, as the calls can each be cut off once. */
export const networkLost: Scenario = {
  name: 'network',
  async run({ host }) {
    for (let turn = 0; turn < 2; turn++) {
      await host.virsh('net-destroy', 'berth').catch(() => undefined)
      await host.virsh('net-undefine', 'berth').catch(() => undefined)
      // Whoever starts looks for it first.
      await host.killAgent()
      await waitFor('the network again', SECONDS, async () => {
        await pause(LOOK_MS)
        return (await host.virsh('net-list', '--name')).split('\n').includes('berth')
      })
      await host.agentReady()
    }
  },
}

/** All but {@link networkLost}, which no machine may see; these can run at the same time. */
export const SCENARIOS: readonly Scenario[] = [life, devices, storage, namespace]

async function done(space: SteadySpace, vm: string, type: 'Start' | 'Stop' | 'Restart'): Promise<void> {
  const { metadata } = await space.operation(vm, type)
  const end = await space.operationEnd(metadata.name, SECONDS)
  if (end.phase !== 'Completed') throw new Error(`${type} of ${vm} ended ${end.phase}: ${end.reason} ${end.message}`)
}

async function gone(space: SteadySpace, kind: string, name: string): Promise<void> {
  await space.delete(kind, name)
  await space.untilGone(kind, name, SECONDS)
}

const ready = (space: SteadySpace, kind: string, name: string) =>
  space.until(
    kind,
    name,
    ({ status }) => (status as { readonly phase?: string } | undefined)?.phase === 'Ready',
    SECONDS,
  )

async function grown(space: SteadySpace, disk: string, size: string): Promise<void> {
  await space.patch('VirtualDisk', disk, { spec: { persistentVolumeClaim: { size } } })
  await space.until<VirtualDisk>(
    'VirtualDisk',
    disk,
    ({ status }) => status?.capacity === size && status.phase === 'Ready',
    SECONDS,
  )
}

type Seen = ReturnType<typeof observeDomain>

/** Looks without hurry: each look is a program of its own. */
const untilDomain = (space: SteadySpace, vm: string, wanted: (seen: Seen) => boolean) =>
  waitFor(`the domain of ${vm}: ${wanted}`, SECONDS, async () => {
    await pause(LOOK_MS)
    return wanted(observeDomain(await space.host.virsh('dumpxml', space.domain(vm))))
  })

/** Until the domain has so many disks of ours, and the status shows them. */
async function untilDisks(space: SteadySpace, vm: string, count: number): Promise<void> {
  await space.until(
    'VirtualMachine',
    vm,
    ({ status }) => status?.blockDeviceRefs?.filter(({ attached }) => attached).length === count,
    SECONDS,
  )
  await untilDomain(space, vm, ({ disks }) => disks.filter(({ alias }) => diskOfAlias(alias)).length === count)
}
