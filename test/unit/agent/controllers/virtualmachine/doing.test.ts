// Steps as they are done and told of. libvirt says what the test lets it say.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Assessment, Look } from '../../../../../agent/controllers/virtualmachine/assess.ts'
import type { VirtualMachineDeps } from '../../../../../agent/controllers/virtualmachine/deps.ts'
import { Doing } from '../../../../../agent/controllers/virtualmachine/doing.ts'
import type { DeviceStep } from '../../../../../agent/controllers/virtualmachine/hotplug.ts'
import { Tries } from '../../../../../agent/controllers/virtualmachine/tries.ts'
import type { EventText } from '../../../../../lib/controllers/event-text.ts'
import { LibvirtError } from '../../../../../lib/libvirt/index.ts'
import { aVm, FACTS, VM_UID } from '../../../../support/objects.ts'
import { scratch } from '../../../../support/scratch.ts'

const DETACH: DeviceStep = { do: 'detach-device', uid: 'd1', label: 'VirtualDisk data', alias: 'ua-data' }

function world() {
  const done: string[] = []
  const told: string[] = []
  const gone = new AbortController()
  const made = { done, told, gone, fault: null as string | null, storing: null as string | null, tries: new Tries() }
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
    events: {
      record: (_: unknown, { reason, message }: EventText) => told.push(`${reason}: ${message}`),
      stored: async (signal: AbortSignal) => {
        signal.throwIfAborted()
        if (made.storing !== null) throw new Error(made.storing)
        done.push(`stored ${told.map((words) => words.split(':')[0])}`)
      },
    },
    folders: { nvram: '/nonexistent/nvram', console: '/nonexistent/console', tpm: scratch() },
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

const RAN = { machineType: 'pc-q35-7.2' }
const definedFor = (osType: string) => ({ observed: { metadata: { specJson: JSON.stringify({ osType }) } } })

it.each([
  ['that never ran', {}, null, false, false],
  ['that ran elsewhere', RAN, null, false, true],
  ['that ran elsewhere, and whose agent died before it started it here', RAN, definedFor('Windows'), false, true],
  ['that ran here', RAN, definedFor('Windows'), true, false],
  ['that ran here before it was one', RAN, definedFor('Generic'), false, false],
])('a Windows machine %s: a new TPM is told of where another one was', async (_title, berth, view, isThere, isTold) => {
  const one = world()
  if (isThere) mkdirSync(join(one.deps.folders.tpm, VM_UID))
  const cpu = { kind: 'host-model' } as const
  const dependencies = { cpu, devices: [], userData: null, coreFraction: '100%' }
  const look = { view, now: 1_000, epoch: 2, dependencies } as unknown as Look
  const windows = aVm({ spec: { osType: 'Windows' } })
  await one.doing.run(windows, { do: 'define-and-start' }, { berth } as Assessment, look, one.gone.signal)
  expect(one.told.at(-1)).toBe('Started: started on h1')
  expect(one.told.filter((words) => words.startsWith('NewTPM: '))).toHaveLength(isTold ? 1 : 0)
  // On disk before it runs: an agent that dies then finds a TPM like any other.
  if (isTold) expect(one.done.indexOf('stored NewTPM')).toBe(one.done.indexOf('DomainCreateWithFlags') - 1)
})

it('a machine whose new TPM could not be told of is not started: the next try makes none either before it is told', async () => {
  const one = world()
  one.storing = 'the database does not answer'
  const dependencies = { cpu: { kind: 'host-model' }, devices: [], userData: null, coreFraction: '100%' }
  const look = { view: null, now: 1_000, epoch: 2, dependencies } as unknown as Look
  const windows = aVm({ spec: { osType: 'Windows' } })
  const start = (signal = one.gone.signal) =>
    one.doing.run(windows, { do: 'define-and-start' }, { berth: RAN } as Assessment, look, signal)
  await expect(start()).rejects.toThrow('the database does not answer')
  one.storing = null
  await expect(start(AbortSignal.abort(new Error('the agent stops')))).rejects.toThrow('the agent stops')
  expect(one.done).not.toContain('DomainCreateWithFlags')
  await start()
  expect(one.done.slice(-2)).toEqual(['stored NewTPM,NewTPM,NewTPM', 'DomainCreateWithFlags'])
})

it('cleans up what is its own, and lets the object go last', async () => {
  const { run, done, deps } = world()
  await run({ do: 'clean-up' })
  expect(done.slice(0, 3)).toEqual([`no seed of ${VM_UID}`, 'seed-removed', 'vm-files-removed'])
  expect(done.slice(3, -1).sort()).toEqual(['address mac', `guest ${VM_UID}`, `ledger ${VM_UID}`, `turns ${VM_UID}`])
  expect(done.at(-1)).toBe(`finalizer ${VM_UID}`)
  expect(deps.shutdowns.size).toBe(0)
})
