// The database of a host that runs is lost, or an older one is put in its place: no guest notices, and the objects come back.
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Node, Secret, VirtualDisk } from '../../../schemas/index.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { ROOT } from '../../support/lab-place.ts'
import { condition, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'recovery')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

/** The program beside, or in the place of, the host's agent. */
const program = (...args: readonly string[]): Promise<string> =>
  space.host.exec(join(ROOT, 'bin/berth-agent'), '--config', join(space.host.dir, 'agent.yaml'), ...args)

/** Its words and exit code where it refuses. */
const refusal = (...args: readonly string[]) =>
  program(...args).then(
    (stdout) => ({ exitCode: 0, stderr: `it did not refuse: ${stdout}` }),
    ({ exitCode, stderr }: { exitCode: number; stderr: string }) => ({ exitCode, stderr }),
  )

async function loseDatabase(): Promise<void> {
  const { stateDir } = space.host
  for (const name of await readdir(stateDir)) if (name.startsWith('berth.db')) await rm(join(stateDir, name))
}

const facts = async (kind: string, name: string) => {
  const { metadata, spec } = await space.get(kind, name)
  return { uid: metadata.uid, generation: metadata.generation, labels: metadata.labels, spec }
}

/** Of a machine; a domain is made of the share of a core that its class gave it, and so is what is rebuilt of it. */
const machine = async (name: string) => {
  const { spec, ...rest } = await facts('VirtualMachine', name)
  return { ...rest, spec: { ...spec, cpu: { coreFraction: '100%', ...spec.cpu } } }
}

const nodeSays = async () => condition(await space.get<Node>('Node', space.host.name), 'UnknownObjects')

it('a lost database is not replaced by an empty one, and is rebuilt around guests that notice nothing', async () => {
  const { host } = space
  const userData = '#cloud-config\nruncmd:\n- echo given > /tmp/given\n'
  await space.create<Secret>({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, data: { userData: '' } })
  await space.create({
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name: 'labelled', labels: { keep: 'me' }, annotations: { note: 'this' } },
    spec: { persistentVolumeClaim: { size: '1Mi' } },
  })
  await space.vm('web', { provisioning: { type: 'UserData', userData } })
  await space.bareVm('halted')
  await space.bareVm('keyed', {
    provisioning: { type: 'UserDataRef', userDataRef: { kind: 'Secret', name: 'keys' } },
  })
  for (const name of ['halted', 'keyed']) await space.untilPhase(name, 'Running')
  await space.operate('halted', 'Stop')
  const console = await space.booted('web')
  await console.ask('echo mine > /run/mine')
  const names = ['web', 'halted', 'keyed']
  const before = await Promise.all(names.map(machine))
  const disks = await Promise.all([...names, 'labelled'].map((name) => facts('VirtualDisk', name)))
  const image = (await space.get('ClusterVirtualImage', 'guest')).metadata.uid
  const pids = await Promise.all(['web', 'keyed'].map((name) => space.qemuPid(name)))

  expect((await refusal('--rebuild')).stderr).toMatch(/in use by another process/)
  let report = ''
  await host.withoutAgent(async () => {
    expect((await refusal('--rebuild')).stderr).toMatch(/there is a database .*: nothing is put over it/)
    await loseDatabase()
    expect(await refusal()).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/is gone, but this host has a history .* --rebuild/),
    })
    // A lie among the records: it is refused in words, and costs nothing else.
    const liar = '6f1d2c60-0000-4000-8000-00000000f0e1'
    await writeFile(join(host.stateDir, 'disks', `${liar}.json`), JSON.stringify(lie(liar)))
    // Killed in the middle, twice, then once to its end.
    for (const seconds of ['0.7', '1.4'])
      await host
        .exec(
          'timeout',
          '-s',
          'KILL',
          seconds,
          join(ROOT, 'bin/berth-agent'),
          '--config',
          join(host.dir, 'agent.yaml'),
          '--rebuild',
        )
        .catch(() => '')
    await rm(join(host.stateDir, 'berth.db'), { force: true })
    report = await program('--rebuild')
    await rm(join(host.stateDir, 'disks', `${liar}.json`))
  })
  expect(report).toMatch(/recovered +VirtualMachine recovery\/web/)
  expect(report).toMatch(/not taken .*6f1d2c60.*json: the record cannot be read/)
  expect(report).toMatch(/missing +Secret recovery\/keys is not on the host.* VirtualMachine recovery\/keyed/)

  expect(await Promise.all(names.map(machine))).toEqual(before)
  expect(await Promise.all([...names, 'labelled'].map((name) => facts('VirtualDisk', name)))).toEqual(disks)
  expect((await space.get('ClusterVirtualImage', 'guest')).metadata.uid).toBe(image)
  await Promise.all(['web', 'keyed'].map((name) => space.untilPhase(name, 'Running')))
  await space.untilPhase('halted', 'Stopped')
  for (const name of [...names, 'labelled'])
    await space.until<VirtualDisk>('VirtualDisk', name, ({ status }) => status?.phase === 'Ready')
  expect(await Promise.all(['web', 'keyed'].map((name) => space.qemuPid(name)))).toEqual(pids)
  expect(await space.qemuPid('halted')).toBe(0)
  const { status } = await space.get('VirtualMachine', 'web')
  expect(status?.restartAwaitingChanges).toEqual([])
  const again = await space.booted('web')
  expect(await again.ask('cat /run/mine /tmp/given')).toMatch(/mine\s+given/)
  expect(condition(await space.get('VirtualMachine', 'keyed'), 'ProvisioningReady').message).toMatch(
    /Secret keys does not exist/,
  )
  await waitFor('a Node that knows all', 30, async () => (await nodeSays()).reason === 'AllKnown')
})

/** The record of a disk that would be the host's password file. */
const lie = (uid: string) => ({
  uid,
  state: 'ready',
  path: '/etc/shadow',
  sizeBytes: '512',
  base: null,
  format: 'qcow2',
  object: {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name: 'liar', namespace: 'recovery', uid, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { persistentVolumeClaim: { size: '1Mi' } },
  },
})

it('an older database knows less, touches nothing that it does not know, and is told of it', async () => {
  const { host } = space
  await space.bareVm('grows')
  await space.bareVm('loses')
  for (const name of ['grows', 'loses']) await space.untilPhase(name, 'Running')
  const backup = join(host.stateDir, '..', 'backup.db')
  expect(await program('backup', backup)).toMatch(/objects as of revision/)

  // Since then: a new machine, a disk that a guest got, a disk that is gone with its machine off.
  await space.bareVm('newer')
  await space.disk('extra', '1Mi')
  await space.patch('VirtualMachine', 'grows', {
    spec: { blockDeviceRefs: ['grows', 'extra'].map((name) => ({ kind: 'VirtualDisk', name })) },
  })
  const has = (vm: string, count: number) =>
    space.until(
      'VirtualMachine',
      vm,
      ({ status }) => (status?.blockDeviceRefs ?? []).filter(({ attached }) => attached).length === count,
    )
  await has('grows', 2)
  await space.untilPhase('newer', 'Running')
  for (const kind of ['VirtualMachine', 'VirtualDisk']) {
    await space.delete(kind, 'loses')
    await space.untilGone(kind, 'loses')
  }
  const before = await Promise.all(['newer', 'grows'].map(machine))
  const pids = await Promise.all(['newer', 'grows'].map((name) => space.qemuPid(name)))
  const devices = () => host.virsh('domblklist', space.domain('grows'))
  const attached = await devices()

  expect((await refusal('restore', backup)).stderr).toMatch(/in use by another process/)
  await host.withoutAgent(async () => {
    expect(await program('restore', backup)).toMatch(/every watch begins anew\nthe database that was there is /)
  })
  const unknown = await waitFor('the Node that names them', 30, async () => {
    const says = await nodeSays()
    return says.status === 'True' && says.message
  })
  expect(unknown).toContain(`the domain ${space.domain('newer')}`)
  await space.untilGone('VirtualMachine', 'newer')
  await space.until<VirtualDisk>('VirtualDisk', 'loses', ({ status }) => status?.phase === 'PVCLost', 30)
  await space.until(
    'VirtualMachine',
    'loses',
    (vm) => condition(vm, 'BlockDevicesReady').message.includes('PVCLost'),
    30,
  )
  await space.until(
    'VirtualMachine',
    'grows',
    (vm) => condition(vm, 'ConfigurationApplied').message.includes('older copy'),
    30,
  )
  expect(await devices()).toBe(attached)
  expect(await Promise.all(['newer', 'grows'].map((name) => space.qemuPid(name)))).toEqual(pids)

  await host.withoutAgent(async () => {
    expect(await program('--rebuild', '--missing')).toMatch(/recovered +VirtualMachine recovery\/newer/)
  })
  await space.untilPhase('newer', 'Running')
  expect(await machine('newer')).toEqual(before[0])
  expect((await space.get('VirtualDisk', 'extra')).metadata.uid).toMatch(/-/)
  expect(await Promise.all(['newer', 'grows'].map((name) => space.qemuPid(name)))).toEqual(pids)
  await rm(backup)
})
