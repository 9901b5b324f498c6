// Whole passes of the controller: real store and real API rules; libvirt is a fake with one domain, which notes what it is asked to change.
import { expect, it } from 'vitest'
import { VirtualMachineReconciler } from '../../../../../agent/controllers/virtualmachine/controller.ts'
import { Definitions } from '../../../../../agent/controllers/virtualmachine/definitions.ts'
import type { VirtualMachineDeps } from '../../../../../agent/controllers/virtualmachine/deps.ts'
import { Ledger } from '../../../../../agent/controllers/virtualmachine/ledger.ts'
import { StartTurns } from '../../../../../agent/start-turns.ts'
import { getCondition } from '../../../../../lib/conditions.ts'
import type { EventText } from '../../../../../lib/controllers/event-text.ts'
import { ErrorNumber, LibvirtError } from '../../../../../lib/libvirt/index.ts'
import { nameOf } from '../../../../../lib/object.ts'
import { silentLog } from '../../../../../lib/reconcile/log.ts'
import type { VirtualDisk, VirtualMachine } from '../../../../../schemas/index.ts'
import { DISKS, NODES, VM_CLASSES, VMS } from '../../../../../schemas/resources.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { FACTS } from '../../../../support/objects.ts'
import { scratch } from '../../../../support/scratch.ts'
import { openWorld } from '../../../lib/controllers/world.ts'

const [RUNNING, SHUTOFF] = [1, 5]
const [UNKNOWN, BY_SHUTDOWN, BY_CRASH] = [0, 1, 3]
const KEY = 'default/web'
const WEB = { namespace: 'default', name: 'web' }

const refusal = (code: number, message: string) => new LibvirtError('call', { code, domain: 10, level: 2, message })

/** One domain, or none. */
class FakeLibvirt {
  readonly asked: string[] = []
  xml: string | null = null
  state = SHUTOFF
  reason = 0
  onDefine: () => void = () => undefined
  /** By the call's name: what it answers instead. */
  readonly faults = new Map<string, Error>()

  readonly call = async (name: string, args: { readonly xml?: string }): Promise<unknown> => {
    const fault = this.faults.get(name)
    if (!/^Domain(Get|Is)/.test(name)) this.asked.push(name)
    if (fault !== undefined) throw fault
    if (name === 'DomainDefineXMLFlags') {
      this.xml = args.xml ?? null
      this.onDefine()
      return { dom: { name: 'default.web', uuid: 'u', id: -1 } }
    }
    if (this.xml === null) throw refusal(ErrorNumber.ERR_NO_DOMAIN, 'no domain')
    switch (name) {
      case 'DomainGetState':
        return { state: this.state, reason: this.reason }
      case 'DomainGetXMLDesc':
        return { xml: this.xml }
      case 'DomainIsPersistent':
        return { persistent: 1 }
      case 'DomainCreateWithFlags':
        this.state = RUNNING
        return {}
      case 'DomainShutdownFlags':
        this.state = SHUTOFF
        this.reason = BY_SHUTDOWN
        return {}
      case 'DomainUndefineFlags':
        this.xml = null
        return {}
      default:
        return {}
    }
  }
}

async function world() {
  const clock = new ManualClock()
  const { reader, resources } = await openWorld(scratch(), clock)
  await resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: FACTS.nodeName } })
  await resources.create(VM_CLASSES, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha3',
    kind: 'VirtualMachineClass',
    metadata: { name: 'generic' },
    spec: { cpu: { type: 'Model', model: 'Nehalem' } },
  })
  const disk = await resources.create<VirtualDisk>(DISKS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name: 'root', namespace: 'default' },
    spec: { persistentVolumeClaim: { size: '1Gi' } },
  } as never)
  await resources.modifyStatus<VirtualDisk>(
    DISKS,
    { ...nameOf(disk), uid: disk.metadata.uid },
    () => ({ phase: 'Ready', capacity: '1Gi' }) as never,
  )
  await resources.create<VirtualMachine>(VMS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    metadata: WEB,
    spec: {
      virtualMachineClassName: 'generic',
      cpu: { cores: 1 },
      memory: { size: '256Mi' },
      blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root' }],
    },
  } as never)
  const libvirt = new FakeLibvirt()
  const told: string[] = []
  const turns = new StartTurns({ clock, parallel: 4, settleMs: 0, onTurn: () => undefined })
  turns.open()
  const made = { libvirt, told, clock, resources, mayStart: null as string | null }
  const deps = {
    reader,
    resources,
    libvirt,
    clock,
    turns,
    facts: FACTS,
    events: { record: (_: unknown, { reason }: EventText) => told.push(reason) },
    counts: { inc: () => undefined },
    volumes: {
      disk: async () => ({
        path: '/disks/root',
        format: 'qcow2',
        backing: [],
        sizeBytes: 1n << 30n,
        cdrom: false,
        readonly: false,
      }),
      image: async () => null,
    },
    ledger: new Ledger({ milliCores: 4_000, memoryBytes: 8n << 30n }),
    standing: { mayStart: () => made.mayStart, word: () => ({ released: false, epoch: 0 }) },
    pulse: { isSilent: () => false },
    seeds: { ensure: async () => '/seed', remove: async () => undefined },
    guests: { get: () => null, forget: () => undefined },
    shutdowns: new Map(),
    definitions: new Definitions(),
    network: {
      name: () => null,
      plug: () => null,
      problem: () => null,
      macOf: () => '02:00:00:00:00:01',
      addressOf: () => null,
      carry: () => undefined,
      addressProblem: () => null,
      forget: () => undefined,
    },
    folders: { nvram: scratch(), console: scratch(), tpm: scratch() },
  }
  const reconciler = new VirtualMachineReconciler(deps as unknown as VirtualMachineDeps)
  const vm = () => reader.get<VirtualMachine>(VMS, WEB)
  return Object.assign(made, {
    vm,
    pass: () => reconciler.reconcile(KEY, new AbortController().signal, { looking: () => undefined, log: silentLog }),
    running: () => getCondition(vm()?.status?.conditions, 'Running'),
  })
}

it('defines and starts what shall run, and then changes nothing', async () => {
  const { pass, libvirt, told, vm } = await world()
  expect(await pass()).toEqual({ kind: 'done' })
  expect(libvirt.asked).toEqual(['DomainDefineXMLFlags', 'DomainCreateWithFlags'])
  expect(vm()).toMatchObject({ status: { phase: 'Running', nodeName: 'h1' } })
  expect(vm()?.metadata.finalizers).toContain('virtualization.deckhouse.io/vm-cleanup')
  libvirt.asked.length = 0
  await pass()
  expect(libvirt.asked).toEqual([])
  expect(told).toEqual(['Started'])
})

it.each([
  ['after a crash, its definition is made anew', BY_CRASH, ['DomainUndefineFlags']],
  ['after a restart of libvirtd, which has nothing left of the run, it is replaced', UNKNOWN, []],
])('%s', async (_, reason, before) => {
  const { pass, libvirt } = await world()
  await pass()
  libvirt.asked.length = 0
  Object.assign(libvirt, { state: SHUTOFF, reason })
  await pass()
  await pass()
  expect(libvirt.asked).toEqual([...before, 'DomainDefineXMLFlags', 'DomainCreateWithFlags'])
})

it('says with the last step that failed why it waits, and throws that', async () => {
  const { pass, libvirt, told, running } = await world()
  libvirt.faults.set('DomainCreateWithFlags', refusal(38, 'no such machine type'))
  await expect(pass()).rejects.toThrow('no such machine type')
  expect(told).toEqual(['FailedStep'])
  expect(running()).toMatchObject({ status: 'False', reason: 'InternalVirtualMachineError' })
})

it('a word of the scheduler that comes between plan and start is heard', async () => {
  const one = await world()
  one.libvirt.onDefine = () => {
    one.mayStart = 'it was given to h2'
  }
  expect(await one.pass().catch((error: Error) => error.message)).toBe('not started: it was given to h2')
  expect(one.libvirt.asked).toEqual(['DomainDefineXMLFlags'])
  await one.pass()
  expect(one.libvirt.asked).toEqual(['DomainDefineXMLFlags'])
  expect(one.running()?.message).toContain('it was given to h2')
})

it('what libvirt refuses to show is Unknown, told once, and not touched', async () => {
  const { pass, libvirt, told, running } = await world()
  await pass()
  libvirt.asked.length = 0
  libvirt.faults.set('DomainGetState', refusal(1, 'internal error'))
  await expect(pass()).rejects.toThrow('internal error')
  await expect(pass()).rejects.toThrow('internal error')
  expect(running()).toMatchObject({ status: 'Unknown', reason: 'LibvirtRefuses' })
  expect(told).toEqual(['Started', 'LibvirtRefuses'])
  expect(libvirt.asked).toEqual([])
})

it('a machine that is deleted is asked to power off, undefined, and goes', async () => {
  const { pass, libvirt, told, resources, vm } = await world()
  await pass()
  libvirt.asked.length = 0
  await resources.delete(VMS, WEB)
  expect(vm()).not.toBeNull()
  expect(await pass()).toMatchObject({ kind: 'again' })
  expect(await pass()).toEqual({ kind: 'done' })
  expect(libvirt.asked).toEqual(['DomainShutdownFlags', 'DomainUndefineFlags'])
  expect(told).toEqual(['Started', 'Stopping'])
  expect(vm()).toBeNull()
})
