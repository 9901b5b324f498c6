// What an assessment of a machine is made from, as tests want it.
import { type Assessment, assess as assessOn, type Look } from '../../../../agent/controllers/virtualmachine/assess.ts'
import type { Dependencies } from '../../../../agent/controllers/virtualmachine/dependencies.ts'
import { Ledger } from '../../../../agent/controllers/virtualmachine/ledger.ts'
import type { DomainView } from '../../../../agent/controllers/virtualmachine/observe.ts'
import { toBytes } from '../../../../lib/quantity.ts'
import type { VirtualMachine, VirtualMachineSpec } from '../../../../schemas/index.ts'
import { aVm, FACTS, VM_UID } from '../../../support/objects.ts'

export const ROOT_UID = '22222222-2222-4333-8444-555555555555'
export const NOW = Date.parse('2026-01-01T00:01:00Z')

export const ready: Dependencies = {
  coreFraction: '100%',
  priority: 0,
  cpu: { kind: 'model', model: 'Nehalem' },
  classProblem: null,
  sizingProblem: null,
  devices: [
    {
      kind: 'VirtualDisk',
      name: 'root',
      uid: ROOT_UID,
      volume: {
        path: '/d/root.qcow2',
        format: 'qcow2',
        backing: [],
        sizeBytes: 1_073_741_824n,
        cdrom: false,
        readonly: false,
      },
    },
  ],
  devicesProblem: null,
  known: [{ kind: 'VirtualDisk', name: 'root', uid: ROOT_UID, sizeBytes: 1_073_741_824n }],
  bootProblem: null,
  userData: null,
  provisioningProblem: null,
  hostProblem: null,
  placementProblem: null,
  bindingProblem: null,
}

export const turns = { ask: (): number | null => null, started: () => undefined, release: () => undefined }
export const assess = (vm: VirtualMachine, before: Assessment['status'] | undefined, look: Look, ledger: Ledger) =>
  assessOn(vm, before, look, { ledger, turns })

export const look = (over: Partial<Look> = {}): Look => ({
  released: false,
  epoch: 0,
  view: null,
  dependencies: ready,
  facts: FACTS,
  qemuReason: null,
  brokenAt: null,
  lastSignal: null,
  lastResume: null,
  loose: [],
  silent: false,
  attempts: new Map(),
  failure: null,
  ipAddress: null,
  addressProblem: null,
  mac: '02:00:00:00:00:01',
  guest: null,
  now: NOW,
  ...over,
})

export function domain(
  state: DomainView['state'],
  applied: VirtualMachineSpec,
  over: Partial<DomainView> = {},
): DomainView {
  const metadata = {
    namespace: 'default',
    name: 'web',
    uid: VM_UID,
    epoch: 0,
    generation: 1,
    specJson: JSON.stringify(applied),
    digest: '',
    stoppedManually: false,
  }
  const disk = {
    target: 'sda',
    bus: 'scsi',
    device: 'disk',
    path: '/d/root.qcow2',
    alias: `ua-${ROOT_UID}`,
    readonly: false,
    backing: [],
  }
  return {
    state,
    shutoff: 'unknown',
    pause: null,
    persistent: true,
    ...over,
    observed: {
      name: 'default.web',
      uuid: VM_UID,
      type: 'qemu',
      machine: 'pc-q35-7.2',
      memoryBytes: toBytes(applied.memory.size),
      currentMemoryBytes: toBytes(applied.memory.size),
      vcpus: applied.cpu.cores,
      currentVcpus: applied.cpu.cores,
      firmware: 'bios',
      onReboot: 'restart',
      disks: [disk],
      nics: [],
      immovable: [],
      metadata,
      ...over.observed,
    },
  }
}

export const ledger = () => new Ledger({ milliCores: 4_000, memoryBytes: 8n * 1024n ** 3n })
export const condition = ({ status }: Assessment, type: string) => status.conditions?.find((one) => one.type === type)
export const steps = (assessment: Assessment) => assessment.steps.map((step) => step.do)
export const vm = aVm()
export const told = (assessment: Assessment): VirtualMachine['status'] => assessment.status
