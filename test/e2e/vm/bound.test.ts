// What a host obeys: a real agent with libvirt and QEMU, and a test in the place of the scheduler, which comes in by the host's own socket.
import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Client } from '../../../lib/client/client.ts'
import { isApiError } from '../../../lib/errors.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { ClaimAnswer, HostBinding, HostBindingSpec, VirtualMachine } from '../../../schemas/index.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { IMAGE, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

const GROUP = 'virtualization.deckhouse.io'
const USER_DATA = '#cloud-config\nruncmd:\n- echo a-word-that-only-this-secret-has > /tmp/given\n'
const SECRET_TEXT = 'a-word-that-only-this-secret-has'

let lab: Lab
let space: Space
/** Masters may write bindings too. */
let scheduler: Client
let revision = 1_000
let ruler = { instance: 'test-scheduler', term: 0 }

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'bound')
  scheduler = space.host.client
  ruler = { ...ruler, term: 1 + (await claim({ instance: 'look', term: 1, revision: '0' })).term }
  expect(await claim({ ...ruler, revision: String(revision) })).toMatchObject({ accepted: true, ...ruler })
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

/** Asked, not stored: no list of kinds has it. */
const claim = async (ask: { instance: string; term: number; revision: string }): Promise<ClaimAnswer> =>
  (await scheduler.transport.json({
    method: 'POST',
    path: '/apis/cluster.berth/v1/claims',
    body: { apiVersion: 'cluster.berth/v1', kind: 'Claim', ...ask },
  })) as ClaimAnswer

const kindOf = async (kind: string, apiVersion: string) => (await scheduler.catalog()).ofObject(apiVersion, kind)

/** An object as the scheduler's store has it. */
const stored = <T extends KubeObject>(
  object: Readonly<Record<string, unknown>> & {
    readonly name: string
    readonly uid: string
    readonly namespaced?: boolean
  },
) => {
  const { name, uid, namespaced = true, ...rest } = object
  return {
    ...rest,
    metadata: {
      name,
      uid,
      ...(namespaced ? { namespace: space.namespace } : {}),
      resourceVersion: '5',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
  } as unknown as T
}

const disk = (name: string, uid: string, spec: object = { persistentVolumeClaim: { size: '1Mi' } }) =>
  stored<KubeObject>({ apiVersion: `${GROUP}/v1alpha2`, kind: 'VirtualDisk', name, uid, spec })

const machine = (name: string, uid: string, spec: object = {}, host?: object) =>
  stored<VirtualMachine>({
    apiVersion: `${GROUP}/v1alpha2`,
    kind: 'VirtualMachine',
    name,
    uid,
    spec: {
      virtualMachineClassName: 'clustered',
      runPolicy: 'AlwaysOnUnlessStoppedManually',
      osType: 'Generic',
      bootloader: 'BIOS',
      enableParavirtualization: true,
      liveMigrationPolicy: 'PreferSafe',
      terminationGracePeriodSeconds: 1,
      disruptions: { restartApprovalMode: 'Manual' },
      cpu: { cores: 1, coreFraction: '100%' },
      memory: { size: '32Mi' },
      blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
      ...spec,
    },
    ...(host === undefined ? {} : { status: { berth: { host } } }),
  })

const vmClass = () =>
  stored<KubeObject>({
    apiVersion: `${GROUP}/v1alpha3`,
    kind: 'VirtualMachineClass',
    name: 'clustered',
    uid: 'c1a55000-0000-4000-8000-000000000001',
    namespaced: false,
    spec: { cpu: { type: 'Model', model: 'Nehalem' } },
  })

const RESOURCES = { VirtualMachine: `virtualmachines.${GROUP}`, VirtualDisk: `virtualdisks.${GROUP}` } as const

/** Creates the binding, or replaces what it says, as the scheduler's binder does. */
async function bind(
  spec: Omit<Partial<HostBindingSpec>, 'subject' | 'ruler'> & { subject: KubeObject },
  along: readonly KubeObject[] = [],
  by = ruler,
) {
  const kind = await kindOf('HostBinding', 'cluster.berth/v1')
  const { subject, ...rest } = spec
  const { name, uid } = subject.metadata
  revision += 1
  const wanted = {
    apiVersion: 'cluster.berth/v1',
    kind: 'HostBinding',
    spec: {
      epoch: 1,
      role: 'Owner' as const,
      ...rest,
      subject: { resource: RESOURCES[subject.kind as keyof typeof RESOURCES], namespace: space.namespace, name, uid },
      ruler: { ...by, revision: String(revision) },
    },
    objects: rest.role === 'Released' ? [] : [subject, ...along],
  }
  const key = { namespace: '', name: uid }
  const before = await scheduler.objects.find<HostBinding>(kind, key)
  if (before === null) return scheduler.objects.create<HostBinding>(kind, { ...wanted, metadata: { name: uid } })
  const metadata = { ...before.metadata, annotations: {} }
  return scheduler.objects.update<HostBinding>(kind, { ...before, ...wanted, metadata } as HostBinding)
}

const bindingIs = (uid: string, phase: string, epoch: number) =>
  waitFor(
    `binding ${uid} ${phase} by epoch ${epoch}`,
    60,
    async () => {
      const kind = await kindOf('HostBinding', 'cluster.berth/v1')
      const { status } = await scheduler.objects.get<HostBinding>(kind, { namespace: '', name: uid })
      return status?.phase === phase && status.epoch === epoch
    },
    async () =>
      JSON.stringify(
        await scheduler.objects.get(await kindOf('HostBinding', 'cluster.berth/v1'), { namespace: '', name: uid }),
      ),
  )

async function forget(uid: string): Promise<void> {
  await scheduler.objects.delete(await kindOf('HostBinding', 'cluster.berth/v1'), { namespace: '', name: uid })
}

/** The words of a refusal. */
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it was not refused',
    (error: unknown) => (isApiError(error, 'Conflict') ? error.message : String(error)),
  )

/** Gives a machine and its disk to the host. */
async function give(name: string, spec: object = {}, host?: object) {
  const [vmUid, diskUid] = [randomUUID(), randomUUID()]
  const [vm, itsDisk] = [machine(name, vmUid, spec, host), disk(name, diskUid)]
  await bind({ subject: itsDisk })
  await bind({ subject: vm }, [vmClass()])
  return { vm, disk: itsDisk, vmUid, diskUid }
}

/** Takes both away, as a scheduler does that has given them to another host. */
async function take({ vm, disk: itsDisk, vmUid, diskUid }: Awaited<ReturnType<typeof give>>, epoch = 9) {
  await bind({ subject: vm, role: 'Released', epoch })
  await bindingIs(vmUid, 'Released', epoch)
  await bind({ subject: itsDisk, role: 'Released', epoch })
  await bindingIs(diskUid, 'Released', epoch)
  await forget(vmUid)
  await forget(diskUid)
}

it('boots what a scheduler gives it, by its uid and epoch, with the Secret that came along; released, nothing of it is left', async () => {
  const [vmUid, diskUid] = [randomUUID(), randomUUID()]
  const root = disk('boots', diskUid, {
    dataSource: { type: 'ObjectRef', objectRef: { kind: 'ClusterVirtualImage', name: IMAGE } },
  })
  const secret = stored<KubeObject>({
    apiVersion: 'v1',
    kind: 'Secret',
    name: 'login',
    uid: randomUUID(),
    type: 'Opaque',
    data: { userData: Buffer.from(USER_DATA).toString('base64') },
  })
  const vm = machine('boots', vmUid, {
    memory: { size: '256Mi' },
    provisioning: { type: 'UserDataRef', userDataRef: { kind: 'Secret', name: 'login' } },
  })
  await bind({ subject: root })
  await bind({ subject: vm, epoch: 4 }, [vmClass(), secret])
  const console = await space.booted('boots')
  expect(await console.ask('cat /tmp/given')).toContain(SECRET_TEXT)
  expect((await space.get('VirtualMachine', 'boots')).metadata).toMatchObject({ uid: vmUid })
  const xml = await space.host.virsh('dumpxml', space.domain('boots'))
  expect(xml.replaceAll('&quot;', '"')).toContain('"epoch":4')

  // Nobody but the scheduler changes it; whether it runs may be asked here.
  expect(await refusal(space.patch('VirtualMachine', 'boots', { spec: { runPolicy: 'AlwaysOff' } }))).toMatch(
    /belongs to the scheduler/,
  )
  expect(await refusal(space.delete('VirtualMachine', 'boots'))).toMatch(/is deleted there, not on its host/)
  expect(await refusal(space.delete('Secret', 'login'))).toMatch(/belongs to the scheduler/)
  expect(await refusal(space.patch('VirtualDisk', 'boots', { metadata: { labels: { a: 'b' } } }))).toMatch(/belongs to/)
  expect(await space.operate('boots', 'Restart', true)).toMatchObject({ phase: 'Completed' })

  // A word that is older than what the host knows reaches no libvirt.
  expect(await refusal(bind({ subject: vm, epoch: 3 }, [vmClass(), secret]))).toMatch(
    /epoch 3 is stale: this host has obeyed epoch 4/,
  )
  const pid = await space.qemuPid('boots')
  expect(pid).toBeGreaterThan(0)

  await bind({ subject: vm, role: 'Released', epoch: 5 })
  // Killed while it does what it was told.
  await space.host.restartAgent()
  await bindingIs(vmUid, 'Released', 5)
  expect(await space.qemuPid('boots')).toBe(0)
  expect(await space.host.virsh('list', '--all', '--name')).not.toContain(space.domain('boots'))
  await space.untilGone('Secret', 'login')
  await bind({ subject: root, role: 'Released', epoch: 2 })
  await bindingIs(diskUid, 'Released', 2)
  for (const folder of ['disks', 'seeds', 'nvram'])
    expect(
      (await readdir(join(space.host.stateDir, folder)).catch(() => [])).filter(
        (name) => name.includes(vmUid) || name.includes(diskUid),
      ),
    ).toEqual([])
  for (const file of ['berth.db', 'berth.db-wal']) {
    const bytes = await readFile(join(space.host.stateDir, file)).catch(() => Buffer.alloc(0))
    expect(bytes.includes(SECRET_TEXT) || bytes.includes(Buffer.from(USER_DATA).toString('base64').slice(20, 60))).toBe(
      false,
    )
  }
  await forget(vmUid)
  await forget(diskUid)
})

it('a second scheduler, one whose store is older, and what does not fit are refused in words with numbers', async () => {
  const given = await give('fits')
  await space.untilPhase('fits', 'Running')
  const second = { instance: 'another', term: ruler.term }
  expect(await claim({ ...second, revision: '999999' })).toMatchObject({ accepted: false, ...ruler })
  expect(await claim({ instance: 'old-store', term: ruler.term + 1, revision: '1' })).toMatchObject({ accepted: false })
  expect(await refusal(bind({ subject: given.vm, epoch: 2 }, [vmClass()], second))).toMatch(/superseded/)

  const large = machine('large', randomUUID(), { memory: { size: '900Gi' } })
  expect(await refusal(bind({ subject: large }, [vmClass()]))).toMatch(
    /does not fit .*: it needs \d+ MiB of memory, \d+ MiB of \d+ MiB are free/,
  )
  const strange = machine('strange', randomUUID(), { virtualMachineClassName: 'nowhere' })
  expect(await refusal(bind({ subject: strange }, [vmClass()]))).toMatch(
    /VirtualMachineClass nowhere neither came with it nor is here/,
  )
  expect(await refusal(forget(given.vmUid))).toMatch(/is here by epoch 1/)
  await take(given)
})

it('what was stopped by hand at its last host stays stopped here, and starts when that is asked', async () => {
  const given = await give('stopped', {}, { power: { marker: 'Stopped', by: 'Operation' }, machineType: 'pc-q35-7.2' })
  await bindingIs(given.vmUid, 'Accepted', 1)
  await space.untilPhase('stopped', 'Stopped')
  await space.host.restartAgent()
  expect(await space.qemuPid('stopped')).toBe(0)
  expect(await space.operate('stopped', 'Start')).toMatchObject({ phase: 'Completed' })
  expect(await space.host.virsh('dumpxml', space.domain('stopped'))).toContain("machine='pc-q35-7.2'")
  await take(given)
})

it('a word that came while no agent was there is obeyed by the next, and a target does not start before the move is decided', async () => {
  const given = await give('target')
  await space.untilPhase('target', 'Running')
  const pid = await space.killQemu('target')
  await space.untilNewQemu('target', pid)
  await take(given)
  const [vmUid, diskUid] = [randomUUID(), randomUUID()]
  const vm = machine('target', vmUid)
  await bind({ subject: disk('target', diskUid) })
  await bind({ subject: vm, role: 'Target' }, [vmClass()])
  await bindingIs(vmUid, 'Accepted', 1)
  await space.host.restartAgent()
  const waiting = await space.untilPhase('target', 'Pending')
  expect(waiting.status?.conditions?.find(({ type }) => type === 'Running')?.message).toMatch(/target of its move/)
  expect(await space.qemuPid('target')).toBe(0)
  await take({ vm, disk: disk('target', diskUid), vmUid, diskUid })
})
