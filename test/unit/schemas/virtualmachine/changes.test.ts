import { describe, expect, it } from 'vitest'
import { type ApplyAction, compareSpecs, type SpecChange } from '../../../../schemas/virtualmachine/changes.ts'
import type { SpecFragment } from '../../../../schemas/virtualmachine/changes-values.ts'
import { virtualMachine } from '../samples.ts'

const base = virtualMachine().spec
const a = { kind: 'VirtualDisk', name: 'a' } as const
const b = { kind: 'VirtualDisk', name: 'b' } as const
const c = { kind: 'VirtualImage', name: 'a' } as const
const secret = (name: string) => ({ kind: 'Secret', name }) as const
const userData = (text: string) => ({ type: 'UserData', userData: text }) as const

type Row = [
  title: string,
  current: SpecFragment,
  desired: SpecFragment,
  path: string,
  operation: string,
  action: ApplyAction,
]

const ROWS: readonly Row[] = [
  ['another class', {}, { virtualMachineClassName: 'big' }, 'virtualMachineClassName', 'replace', 'Restart'],
  ['run policy', {}, { runPolicy: 'Manual' }, 'runPolicy', 'replace', 'ApplyImmediate'],
  ['IP address', {}, { virtualMachineIPAddressName: 'ip' }, 'virtualMachineIPAddressName', 'add', 'Restart'],
  ['priority', { priorityClassName: 'p' }, {}, 'priorityClassName', 'remove', 'Restart'],
  ['grace period', {}, { terminationGracePeriodSeconds: 5 }, 'terminationGracePeriodSeconds', 'replace', 'Restart'],
  ['paravirtualization', {}, { enableParavirtualization: false }, 'enableParavirtualization', 'replace', 'Restart'],
  ['osType', {}, { osType: 'Windows' }, 'osType', 'replace', 'Restart'],
  ['bootloader', {}, { bootloader: 'EFI' }, 'bootloader', 'replace', 'Restart'],
  ['migration policy', {}, { liveMigrationPolicy: 'AlwaysSafe' }, 'liveMigrationPolicy', 'replace', 'ApplyImmediate'],
  ['node selector', {}, { nodeSelector: { a: 'b' } }, 'nodeSelector', 'add', 'Restart'],
  ['affinity', { affinity: { nodeAffinity: {} } }, {}, 'affinity', 'remove', 'Restart'],
  ['tolerations', {}, { tolerations: [{ operator: 'Exists' }] }, 'tolerations', 'add', 'Restart'],
  [
    'spread',
    { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' }] },
    { topologySpreadConstraints: [{ maxSkew: 2, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' }] },
    'topologySpreadConstraints',
    'replace',
    'Restart',
  ],
  [
    'restart approval',
    {},
    { disruptions: { restartApprovalMode: 'Automatic' } },
    'disruptions.restartApprovalMode',
    'replace',
    'None',
  ],
  ['cores', {}, { cpu: { cores: 2 } }, 'cpu.cores', 'replace', 'Restart'],
  ['fraction', {}, { cpu: { cores: 1, coreFraction: '20%' } }, 'cpu.coreFraction', 'add', 'Restart'],
  ['full fraction', {}, { cpu: { cores: 1, coreFraction: '100%' } }, 'cpu.coreFraction', 'add', 'None'],
  ['both', {}, { cpu: { cores: 2, coreFraction: '20%' } }, 'cpu', 'replace', 'Restart'],
  ['memory', {}, { memory: { size: '2Gi' } }, 'memory.size', 'replace', 'Restart'],
  ['disk added', { blockDeviceRefs: [a] }, { blockDeviceRefs: [a, b] }, 'blockDeviceRefs.1', 'add', 'ApplyImmediate'],
  [
    'disk removed',
    { blockDeviceRefs: [a, b] },
    { blockDeviceRefs: [b] },
    'blockDeviceRefs.0',
    'remove',
    'ApplyImmediate',
  ],
  ['disk replaced', { blockDeviceRefs: [a] }, { blockDeviceRefs: [b] }, 'blockDeviceRefs.0', 'replace', 'Restart'],
  [
    'same name of another kind',
    { blockDeviceRefs: [a] },
    { blockDeviceRefs: [c] },
    'blockDeviceRefs.0',
    'replace',
    'Restart',
  ],
  [
    'boot order',
    { blockDeviceRefs: [a, b] },
    { blockDeviceRefs: [a, { ...b, bootOrder: 1 }] },
    'blockDeviceRefs.1',
    'replace',
    'ApplyImmediate',
  ],
  [
    'disk added without paravirtualization',
    { blockDeviceRefs: [a], enableParavirtualization: false },
    { blockDeviceRefs: [a, b], enableParavirtualization: false },
    'blockDeviceRefs.1',
    'add',
    'Restart',
  ],
  ['user data added', {}, { provisioning: userData('a') }, 'provisioning', 'add', 'Restart'],
  [
    'user data changed',
    { provisioning: userData('a') },
    { provisioning: userData('b') },
    'provisioning.userData',
    'replace',
    'Restart',
  ],
  [
    'user data Secret removed',
    { provisioning: { type: 'UserDataRef', userDataRef: secret('a') } },
    {},
    'provisioning',
    'remove',
    'ApplyImmediate',
  ],
  [
    'Sysprep removed',
    { provisioning: { type: 'SysprepRef', sysprepRef: secret('a') } },
    {},
    'provisioning',
    'remove',
    'Restart',
  ],
  [
    'Sysprep changed',
    { provisioning: { type: 'SysprepRef', sysprepRef: secret('a') } },
    { provisioning: { type: 'SysprepRef', sysprepRef: secret('b') } },
    'provisioning.sysprepRef.name',
    'replace',
    'Restart',
  ],
  ['main network named', {}, { networks: [{ type: 'Main', id: 1 }] }, 'networks', 'add', 'None'],
  ['network added', {}, { networks: [{ type: 'Network', name: 'n' }] }, 'networks', 'add', 'Restart'],
  ['USB', {}, { usbDevices: [{ name: 'u' }] }, 'usbDevices', 'add', 'ApplyImmediate'],
  ['GPU', { gpus: [{ gpuClassName: 'g' }] }, { gpus: [{ gpuClassName: 'h' }] }, 'gpus', 'replace', 'Restart'],
]

describe('one change', () => {
  it.each(ROWS)('%s', (_title, current, desired, path, operation, action) => {
    const changes = compareSpecs({ ...base, ...current }, { ...base, ...desired })
    const valueAt = (change: SpecChange) => ({ path: change.path, operation: change.operation, action: change.action })
    expect(changes.filter((change) => change.path.startsWith(path.split('.')[0] ?? '')).map(valueAt)).toEqual([
      { path, operation, action },
    ])
    for (const change of changes) {
      expect('currentValue' in change).toBe(change.operation !== 'add')
      expect('desiredValue' in change).toBe(change.operation !== 'remove')
    }
  })
})

describe('no change', () => {
  it.each<[string, SpecFragment, SpecFragment]>([
    ['the same', {}, {}],
    ['the same size', { memory: { size: '1Gi' } }, { memory: { size: '1024Mi' } }],
    ['empty and absent', { nodeSelector: {}, usbDevices: [], gpus: [], networks: [] }, {}],
    ['ids that appear', { networks: [{ type: 'Main' }] }, { networks: [{ type: 'Main', id: 1 }] }],
  ])('%s', (_title, current, desired) => {
    expect(compareSpecs({ ...base, ...current }, { ...base, ...desired })).toEqual([])
  })

  it('needs an action when an id changes', () => {
    const networks = (id: number) => [{ type: 'Network', name: 'n', id } as const]
    expect(compareSpecs({ networks: networks(2) }, { networks: networks(3) })).toHaveLength(1)
  })
})

it('tells both places of two devices that changed places', () => {
  const changes = compareSpecs({ blockDeviceRefs: [a, b, c] }, { blockDeviceRefs: [b, a, c] })
  expect(changes).toEqual([
    { path: 'blockDeviceRefs.0', operation: 'replace', currentValue: a, desiredValue: b, action: 'ApplyImmediate' },
    { path: 'blockDeviceRefs.1', operation: 'replace', currentValue: b, desiredValue: a, action: 'ApplyImmediate' },
  ])
})
