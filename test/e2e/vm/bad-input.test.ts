// Nonsense in objects, against a real host: refused with the field's path, or waiting for what is missing; never a half-made domain.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { ApiError } from '../../../lib/errors.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'

const GROUP = 'virtualization.deckhouse.io'
const V1ALPHA2 = `${GROUP}/v1alpha2`

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'bad-input')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const GOOD = {
  virtualMachineClassName: 'generic',
  cpu: { cores: 1 },
  memory: { size: '32Mi' },
  blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'none' }],
}
const vm = (spec: Readonly<Record<string, unknown>>, name = 'bad') => ({
  apiVersion: V1ALPHA2,
  kind: 'VirtualMachine',
  metadata: { name },
  spec: { ...GOOD, ...spec },
})
const refs = (...names: readonly string[]) => names.map((name) => ({ kind: 'VirtualDisk', name }))
const disk = (name: string, spec: Readonly<Record<string, unknown>>) => ({
  apiVersion: V1ALPHA2,
  kind: 'VirtualDisk',
  metadata: { name },
  spec,
})
const image = (name: string, of: string) => ({
  apiVersion: V1ALPHA2,
  kind: 'VirtualImage',
  metadata: { name },
  spec: {
    storage: 'ContainerRegistry',
    dataSource: { type: 'ObjectRef', objectRef: { kind: 'VirtualImage', name: of } },
  },
})

const REFUSED: readonly (readonly [title: string, path: string, object: Parameters<Space['create']>[0]])[] = [
  ['an unknown field', 'spec.cpu.coers', vm({ cpu: { coers: 1 } })],
  ['a unit that is none', 'spec.memory.size', vm({ memory: { size: '1GB' } })],
  ['memory beyond all hosts', 'spec.memory.size', vm({ memory: { size: '900Pi' } })],
  ['no cores', 'spec.cpu.cores', vm({ cpu: { cores: 0 } })],
  ['a thousand million cores', 'spec.cpu.cores', vm({ cpu: { cores: 1e9 } })],
  ['more than a whole core of each', 'spec.cpu.coreFraction', vm({ cpu: { cores: 1, coreFraction: '101%' } })],
  [
    'two equal boot orders',
    'spec.blockDeviceRefs[1].bootOrder',
    vm({ blockDeviceRefs: refs('a', 'b').map((ref) => ({ ...ref, bootOrder: 1 })) }),
  ],
  ['the same disk twice', 'spec.blockDeviceRefs[1]', vm({ blockDeviceRefs: refs('a', 'a') })],
  ['no disk', 'spec.blockDeviceRefs', vm({ blockDeviceRefs: [] })],
  ['seventeen disks', 'spec.blockDeviceRefs', vm({ blockDeviceRefs: refs(...'abcdefghijklmnopq') })],
  ['a name of 64 characters', 'metadata.name', vm({}, 'x'.repeat(64))],
  ['a name that is a path', 'metadata.name', vm({}, '../x')],
  [
    'long inline user data',
    'spec.provisioning.userData',
    vm({ provisioning: { type: 'UserData', userData: 'x'.repeat(2049) } }),
  ],
  ['a disk name with a dot', 'metadata.name', disk('a.b', { persistentVolumeClaim: { size: '1Mi' } })],
  ['a disk of nothing', 'spec.persistentVolumeClaim.size', disk('nothing', { persistentVolumeClaim: { size: '0' } })],
  ['an image of itself', 'spec.dataSource.objectRef', image('self', 'self')],
  // Longer circles need images from images, which are not built.
  ['an image of another image', 'spec.dataSource.type', image('one', 'other')],
]

it.each(REFUSED)('refuses %s', async (_, path, object) => {
  const error = await space.create(object).then(
    () => null,
    (refusal: unknown) => refusal,
  )
  expect(error).toBeInstanceOf(ApiError)
  if (!(error instanceof ApiError)) return
  expect([409, 422]).toContain(error.code)
  expect(error.details.causes?.map((cause) => cause.path)).toContain(path)
})

it('waits for what is missing, names it, and starts when it comes', async () => {
  await space.bareVm('classless', { virtualMachineClassName: 'absent' })
  const waiting = await space.until('VirtualMachine', 'classless', (object) =>
    condition(object, 'VirtualMachineClassReady').message.includes('the VirtualMachineClass absent does not exist'),
  )
  expect(condition(waiting, 'VirtualMachineClassReady').status).toBe('False')
  expect(condition(waiting, 'Running').message).toContain('absent')
  expect(waiting.status?.phase).toBe('Pending')

  await space.vm('diskless', { memory: { size: '32Mi' }, blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'nowhere' }] })
  await space.until('VirtualMachine', 'diskless', (object) =>
    condition(object, 'BlockDevicesReady').message.includes('VirtualDisk nowhere does not exist'),
  )

  await space.create({
    apiVersion: `${GROUP}/v1alpha3`,
    kind: 'VirtualMachineClass',
    metadata: { name: 'absent' },
    spec: { cpu: { type: 'Host' } },
  })
  await space.untilPhase('classless', 'Running')
  await space.operate('classless', 'Stop', true)
  await space.delete('VirtualMachine', 'classless')
  await space.untilGone('VirtualMachine', 'classless')
  await space.delete('VirtualMachineClass', 'absent')
  await space.untilGone('VirtualMachineClass', 'absent')
})

it('a disk serves one running machine; the other says which, and has its turn', async () => {
  await space.bareVm('holder')
  await space.untilPhase('holder', 'Running')
  await space.vm('wanter', {
    memory: { size: '32Mi' },
    terminationGracePeriodSeconds: 1,
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'holder' }],
  })
  const waiting = await space.until('VirtualMachine', 'wanter', (object) =>
    condition(object, 'BlockDevicesReady').message.includes(
      'VirtualDisk holder is in use by the virtual machine bad-input/holder',
    ),
  )
  expect(waiting.status?.phase).toBe('Pending')
  expect(await space.qemuPid('wanter')).toBe(0)
  await space.operate('holder', 'Stop', true)
  await space.untilPhase('wanter', 'Running')
})

it('afterwards no domain is half made, and a good machine works, also without a class', async () => {
  const { virtualMachineClassName: _, ...spec } = GOOD
  await space.disk('good', '1Mi')
  const good = await space.create({ ...vm({}, 'good'), spec: { ...spec, blockDeviceRefs: refs('good') } })
  expect((good.spec as typeof GOOD).virtualMachineClassName).toBe('generic')
  await space.patch('VirtualMachine', 'good', { spec: { terminationGracePeriodSeconds: 1 } })
  await space.untilPhase('good', 'Running')
  const domains = (await space.host.virsh('list', '--all', '--name')).split('\n').filter(Boolean)
  expect(domains.sort()).toEqual(['good', 'holder', 'wanter'].map((name) => space.domain(name)))
})
