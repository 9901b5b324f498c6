/** Plans of the golden files: one per shape of machine that the agent builds. */
import type { DomainPlan } from '../../../../lib/domain/index.ts'

export const metadata = {
  namespace: 'default',
  name: 'first-vm',
  uid: '6f3b1c1e-5a43-4b8a-9b69-0c5d8f6a2f11',
  epoch: 1,
  generation: 2,
  specJson: '{"cpu":{"cores":1},"memory":{"size":"256Mi"}}',
  digest: 'sha256:5d1b',
  stoppedManually: false,
} as const

export const small: DomainPlan = {
  name: 'default.first-vm',
  uuid: metadata.uid,
  accelerator: 'qemu',
  machine: 'pc-q35-7.2',
  memoryBytes: 268_435_456n,
  cpu: { sockets: 1, coresPerSocket: 1, model: { kind: 'model', model: 'Nehalem' } },
  firmware: { kind: 'bios' },
  tpm: false,
  hyperV: false,
  disks: [
    {
      target: 'sda',
      bus: 'scsi',
      device: 'disk',
      path: '/var/lib/berth/disks/default/root.qcow2',
      format: 'qcow2',
      backing: [{ path: '/var/lib/berth/images/sha256-aa.qcow2', format: 'qcow2' }],
      readonly: false,
      serial: 'vd-root',
      bootOrder: 1,
      alias: 'ua-vd-root',
      discard: true,
    },
  ],
  nics: [{ mac: '02:11:22:33:44:55', network: 'berth', alias: 'ua-net0' }],
  guestAgent: true,
  metadata,
  onReboot: 'restart',
  restartPorts: 10,
  smbios: { manufacturer: 'Berth', product: 'VirtualMachine' },
}

export const full: DomainPlan = {
  ...small,
  name: 'prod.database',
  accelerator: 'kvm',
  memoryBytes: 8_589_934_592n,
  cpu: {
    sockets: 2,
    coresPerSocket: 9,
    shares: 512,
    model: { kind: 'model', model: 'Nehalem', features: [{ name: 'vmx', policy: 'disable' }] },
  },
  firmware: {
    kind: 'efi',
    codePath: '/usr/share/OVMF/OVMF_CODE_4M.fd',
    varsTemplate: '/usr/share/OVMF/OVMF_VARS_4M.fd',
    nvramPath: '/var/lib/berth/nvram/prod.database.fd',
  },
  disks: [
    ...small.disks.map((disk) => ({
      ...disk,
      backing: [
        { path: '/var/lib/berth/disks/prod/middle.qcow2', format: 'qcow2' as const },
        { path: '/var/lib/berth/images/sha256-bb.raw', format: 'raw' as const },
      ],
      bootOrder: 2,
    })),
    {
      target: 'sdb',
      bus: 'scsi',
      device: 'cdrom',
      path: '/var/lib/berth/images/sha256-cc.iso',
      format: 'raw',
      readonly: true,
      serial: 'vi-installer',
      bootOrder: 1,
      alias: 'ua-vi-installer',
      discard: false,
    },
    {
      target: 'sdq',
      bus: 'scsi',
      device: 'disk',
      path: '/var/lib/berth/disks/prod/data.raw',
      format: 'raw',
      readonly: false,
      alias: 'ua-vd-data',
      discard: true,
    },
  ],
  seed: { path: '/var/lib/berth/seeds/prod.database.iso' },
  nics: [
    { mac: '02:11:22:33:44:55', network: 'berth', alias: 'ua-net0' },
    { mac: '02:11:22:33:44:56', network: 'berth', alias: 'ua-net1' },
  ],
  serialLogPath: '/var/lib/berth/console/prod.database.log',
  metadata: { ...metadata, stoppedManually: true, startedAt: '2026-01-02T03:04:05Z' },
  onReboot: 'destroy',
  restartPorts: 12,
  smbios: { manufacturer: 'Berth', product: 'VirtualMachine', version: '0.1.0', serial: '', sku: '1', family: 'vm' },
}

const withModel = (model: DomainPlan['cpu']['model'], accelerator: DomainPlan['accelerator']): DomainPlan => ({
  ...small,
  accelerator,
  cpu: { ...small.cpu, model },
})

/** Golden file name -> plan. */
export const plans: Readonly<Record<string, DomainPlan>> = {
  small,
  full,
  features: withModel({ kind: 'features', base: 'qemu64', features: ['sse4.1', 'sse4.2', 'popcnt'] }, 'qemu'),
  'host-model': withModel({ kind: 'host-model' }, 'qemu'),
  'host-passthrough': withModel({ kind: 'host-passthrough' }, 'kvm'),
  windows: { ...full, tpm: true, hyperV: true },
  'windows-emulated': { ...small, tpm: true },
  bare: { ...small, disks: [], nics: [], guestAgent: false },
}
