// The controller over a real store and the API's own rules: what a word makes of a host's objects, also when it comes anew after a kill.
import { expect, it } from 'vitest'
import { createBindingControllers } from '../../../../../agent/binding-controllers.ts'
import type { AgentCore } from '../../../../../agent/core.ts'
import { BOUND, type HostBinding, isBound, type VirtualMachine } from '../../../../../schemas/index.ts'
import { RULER } from '../../../../support/bindings.ts'
import { eventually } from '../../../../support/eventually.ts'
import { aClass, aVm } from '../../../../support/objects.ts'
import { scratch } from '../../../../support/scratch.ts'
import { openWorld, type World } from '../../../lib/controllers/world.ts'

const BINDINGS = 'hostbindings.cluster.berth'
const VMS = 'virtualmachines.virtualization.deckhouse.io'
const UID = '8d2c1f5e-0000-4000-8000-000000000001'
const vm = aVm({ metadata: { uid: UID, namespace: 'team', generation: 7, labels: { tier: 'web' } } })
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...vm.metadata, name: 'login', uid: 'secret-uid', generation: 1 },
  data: { userData: 'c2VjcmV0' },
}
const vmClass = aClass({ cpu: { type: 'Model', model: 'Nehalem' } })

/** Waits until `found` gives something. */
const until = <T>(what: string, found: () => T | null) =>
  eventually(() => {
    const value = found()
    if (value === null) throw new Error(`${what}: not yet`)
    return value
  })

const start = (world: World) => {
  const core = { ...world, observer: undefined } as unknown as AgentCore
  for (const controller of createBindingControllers(core)) world.run(controller)
}

const word = (over: Partial<HostBinding['spec']> = {}, objects: HostBinding['objects'] = [vm, vmClass, secret]) => ({
  apiVersion: 'cluster.berth/v1',
  kind: 'HostBinding',
  metadata: { name: UID },
  spec: {
    subject: { resource: VMS, namespace: 'team', name: 'web', uid: UID },
    epoch: 1,
    role: 'Owner' as const,
    ruler: RULER,
    ...over,
  },
  objects,
})

const binding = ({ reader }: World) => reader.get<HostBinding>(BINDINGS, { namespace: '', name: UID })
const copy = ({ reader }: World) => reader.get<VirtualMachine>(VMS, { namespace: 'team', name: 'web' })
const reaches = (world: World, phase: string, epoch: number) =>
  until(`${phase} ${epoch}`, () => {
    const { status } = binding(world) ?? {}
    return status?.phase === phase && status.epoch === epoch ? status : null
  })

it('makes the machine with its uid, lets it follow, and leaves nothing behind when it is released', async () => {
  const world = await openWorld(scratch())
  start(world)
  await world.resources.create(BINDINGS, word())
  await reaches(world, 'Accepted', 1)
  expect(copy(world)?.metadata).toMatchObject({
    uid: UID,
    generation: 7,
    labels: { tier: 'web' },
    annotations: { [BOUND]: UID },
  })
  expect(world.reader.get('secrets', { namespace: 'team', name: 'login' })?.metadata.uid).toBe('secret-uid')

  const changed = {
    ...vm,
    metadata: { ...vm.metadata, generation: 9 },
    spec: { ...vm.spec, runPolicy: 'Manual' as const },
  }
  await world.resources.modify<HostBinding>(BINDINGS, { namespace: '', name: UID }, (old) => ({
    ...old,
    objects: [changed, vmClass, secret],
  }))
  await until('it follows', () => (copy(world)?.spec.runPolicy === 'Manual' ? true : null))
  expect(copy(world)?.metadata.generation).toBe(9)

  await world.resources.modify<HostBinding>(BINDINGS, { namespace: '', name: UID }, (old) => ({
    ...old,
    spec: { ...old.spec, role: 'Released', epoch: 2 },
    objects: [],
  }))
  await reaches(world, 'Releasing', 2)
  // As the machine's own controller does when nothing is left of it.
  await world.resources.removeFinalizer(
    VMS,
    { namespace: 'team', name: 'web', uid: UID },
    'virtualization.deckhouse.io/vm-cleanup',
  )
  await reaches(world, 'Released', 2)
  expect(copy(world)).toBeNull()
  await until('the Secret is erased', () => (world.reader.list('secrets').length === 0 ? true : null))
  await until('and the class', () =>
    world.reader.list('virtualmachineclasses.virtualization.deckhouse.io').length === 0 ? true : null,
  )
  expect(world.reader.get('namespaces', { namespace: '', name: 'team' })).not.toBeNull()
})

it('killed after the word was stored, the next process does what it says', async () => {
  const dir = scratch()
  const first = await openWorld(dir)
  await first.resources.create(BINDINGS, word())
  await first.end()
  const second = await openWorld(dir)
  start(second)
  await reaches(second, 'Accepted', 1)
  expect(copy(second) !== null && isBound(copy(second) as VirtualMachine)).toBe(true)
})

it("does not touch a machine of the host's own, and takes its name when that one is gone", async () => {
  const world = await openWorld(scratch())
  await world.resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })
  const own = await world.resources.create<VirtualMachine>(VMS, {
    ...aVm(),
    metadata: { name: 'web', namespace: 'team' },
  })
  start(world)
  await world.resources.create(BINDINGS, word())
  const refused = await until(
    'it says so',
    () => binding(world)?.status?.conditions?.find(({ reason }) => reason === 'NameTaken') ?? null,
  )
  expect(refused.message).toContain(own.metadata.uid)
  expect(copy(world)?.metadata.uid).toBe(own.metadata.uid)
  await world.resources.delete(VMS, { namespace: 'team', name: 'web' })
  await reaches(world, 'Accepted', 1)
  expect(copy(world)?.metadata.uid).toBe(UID)
})

it('an object that this agent does not take is said, not forced', async () => {
  const world = await openWorld(scratch())
  start(world)
  const odd = { ...vm, spec: { ...vm.spec, cpu: { cores: -1 } } }
  await world.resources.create(BINDINGS, word({}, [odd, vmClass, secret]))
  const refused = await until(
    'it says so',
    () => binding(world)?.status?.conditions?.find(({ reason }) => reason === 'ObjectRefused') ?? null,
  )
  expect(refused.message).toMatch(/VirtualMachine web: .*cpu/)
  expect(binding(world)?.status).toMatchObject({ phase: 'Pending', epoch: 0 })
})
