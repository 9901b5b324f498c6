// Steps as they are done and told of. libvirt says what the test lets it say.
import { expect, it } from 'vitest'
import type { Assessment, Look } from '../../../../../agent/controllers/virtualmachine/assess.ts'
import type { VirtualMachineDeps } from '../../../../../agent/controllers/virtualmachine/deps.ts'
import { Doing } from '../../../../../agent/controllers/virtualmachine/doing.ts'
import type { DeviceStep } from '../../../../../agent/controllers/virtualmachine/hotplug.ts'
import { Tries } from '../../../../../agent/controllers/virtualmachine/tries.ts'
import type { EventText } from '../../../../../lib/controllers/event-text.ts'
import { LibvirtError } from '../../../../../lib/libvirt/index.ts'
import { aVm, FACTS, VM_UID } from '../../../../support/objects.ts'

const DETACH: DeviceStep = { do: 'detach-device', uid: 'd1', label: 'VirtualDisk data', alias: 'ua-data' }

function world() {
  const done: string[] = []
  const told: string[] = []
  const gone = new AbortController()
  const made = { done, told, gone, fault: null as string | null, tries: new Tries() }
  const note = (what: string) => (uid: string) => void done.push(`${what} ${uid}`)
  const call = async (name: string) => {
    done.push(name)
    if (made.fault !== null && name === 'DomainDetachDeviceAlias')
      throw new LibvirtError(name, { code: 1, domain: 10, level: 2, message: made.fault })
    return { xml: `<domain><name>default.web</name><uuid>${VM_UID}</uuid></domain>` }
  }
  const deps = {
    facts: FACTS,
    standing: { mayStart: () => null },
    libvirt: { call },
    clock: { now: () => 1_000 },
    events: { record: (_: unknown, { reason, message }: EventText) => told.push(`${reason}: ${message}`) },
    folders: { nvram: '/nonexistent/nvram', console: '/nonexistent/console', tpm: '/nonexistent/tpm' },
    seeds: { remove: async (uid: string) => note('no seed of')(uid) },
    ledger: { release: note('ledger') },
    turns: { release: note('turns') },
    guests: { forget: note('guest') },
    shutdowns: new Map([[VM_UID, 'guest-reset']]),
    network: { name: () => null, macOf: () => 'mac', forget: note('address') },
    onFileStep: (step: string) => done.push(step),
    resources: { removeFinalizer: async (_: string, { uid }: { uid: string }) => note('finalizer')(uid) },
  }
  const doing = new Doing(deps as unknown as VirtualMachineDeps, made.tries)
  const run = (step: Parameters<Doing['run']>[1]) =>
    doing.run(aVm(), step, {} as Assessment, { view: null } as unknown as Look, gone.signal)
  return Object.assign(made, { doing, run, deps })
}

it('a stop is told once, however often the guest is asked', async () => {
  const { run, told, done } = world()
  await run({ do: 'shutdown' })
  await run({ do: 'shutdown' })
  expect(told).toEqual(['Stopping: the guest is asked to power off'])
  expect(done).toEqual(['DomainShutdownFlags', 'DomainShutdownFlags'])
})

it('a device that libvirt refuses is no fault of the pass; the refusal is told when its words are new', async () => {
  const one = world()
  one.fault = 'the device is busy'
  await one.run(DETACH)
  await one.run(DETACH)
  one.fault = null
  await one.run(DETACH)
  expect(one.told).toHaveLength(1)
  expect(one.told[0]).toMatch(/^FailedStep: VirtualDisk data: .*the device is busy/)
  expect(one.tries.of(VM_UID).attempts.get('d1')?.fault).toBeNull()
})

it('a device that leaves is told once', async () => {
  const { run, told } = world()
  await run(DETACH)
  await run(DETACH)
  expect(told).toEqual(['Detaching: VirtualDisk data'])
})

it('a pass that is ended says nothing of the device that it was at', async () => {
  const one = world()
  one.fault = 'ended'
  one.gone.abort(new Error('the agent stops'))
  await expect(one.run(DETACH)).rejects.toThrow('ended')
  expect([one.told, one.tries.of(VM_UID).attempts.size]).toEqual([[], 0])
})

it.each([
  ['that never ran', {}, null, false],
  ['that ran elsewhere', { machineType: 'pc-q35-7.2' }, null, true],
  ['that ran here', { machineType: 'pc-q35-7.2' }, {}, false],
])('a Windows machine %s: a new TPM is told of where another one was', async (_title, berth, view, isTold) => {
  const one = world()
  const cpu = { kind: 'host-model' } as const
  const dependencies = { cpu, devices: [], userData: null, coreFraction: '100%' }
  const look = { view, now: 1_000, epoch: 2, dependencies } as unknown as Look
  const windows = aVm({ spec: { osType: 'Windows' } })
  await one.doing.run(windows, { do: 'define-and-start' }, { berth } as Assessment, look, one.gone.signal)
  expect(one.told.filter((words) => words.startsWith('NewTPM: '))).toHaveLength(isTold ? 1 : 0)
  expect(one.told[0]).toBe('Started: started on h1')
})

it('cleans up what is its own, and lets the object go last', async () => {
  const { run, done, deps } = world()
  await run({ do: 'clean-up' })
  expect(done.slice(0, 3)).toEqual([`no seed of ${VM_UID}`, 'seed-removed', 'vm-files-removed'])
  expect(done.slice(3, -1).sort()).toEqual(['address mac', `guest ${VM_UID}`, `ledger ${VM_UID}`, `turns ${VM_UID}`])
  expect(done.at(-1)).toBe(`finalizer ${VM_UID}`)
  expect(deps.shutdowns.size).toBe(0)
})
