import { setTimeout as pause } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createNamespaceController } from '../../../../lib/controllers/namespace.ts'
import type { Condition, KubeObject } from '../../../../lib/object.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { scratch } from '../../../support/scratch.ts'
import { DISKS, disk, namesOf, openWorld, SECRETS, secret, soon, type World } from './world.ts'

const ORDER = [DISKS, SECRETS, 'events']
const WORK = { namespace: '', name: 'work' }

const run = (world: World) => world.run(createNamespaceController({ ...world, order: ORDER }))
const statusOf = ({ reader }: World, name = 'work') =>
  reader.get('namespaces', { namespace: '', name })?.status as { phase?: string; conditions?: Condition[] } | undefined
const condition = (world: World, type: string) => statusOf(world)?.conditions?.find((each) => each.type === type)
const gone = ({ reader }: World) => reader.get('namespaces', WORK) === null

test('a namespace becomes Active', async () => {
  const world = await openWorld()
  run(world)
  await soon(() => [statusOf(world)?.phase, statusOf(world, 'default')?.phase]).toEqual(['Active', 'Active'])
})

test('an empty namespace goes at once', async () => {
  const world = await openWorld()
  run(world)
  await world.resources.delete('namespaces', WORK)
  await soon(() => gone(world)).toBe(true)
})

test('everything in it goes, kind after kind, and nothing of another namespace', async () => {
  const world = await openWorld()
  run(world)
  await Promise.all(Array.from({ length: 120 }, (_, n) => secret(world, `s${n}`)))
  await disk(world, 'd1')
  await disk(world, 'd2')
  await secret(world, 'bystander', { namespace: 'default' })
  const order: string[] = []
  world.reader.onChange((change) => {
    if (change.type === 'delete') order.push(change.key.resource)
  })
  await world.resources.delete('namespaces', WORK)
  await soon(() => gone(world)).toBe(true)
  expect(namesOf(world)).toEqual(['bystander'])
  expect([...new Set(order)]).toEqual([DISKS, SECRETS, 'namespaces'])
  expect(order).toHaveLength(123)
})

test('what is held is waited for, said in the conditions, and comes before the next kind', async () => {
  const world = await openWorld()
  run(world)
  const held = await disk(world, 'held', { finalizers: ['berth/held'] })
  await disk(world, 'free')
  await secret(world, 'later')
  await world.resources.delete('namespaces', WORK)
  await soon(() => condition(world, 'NamespaceFinalizersRemaining')).toMatchObject({
    status: 'True',
    reason: 'SomeFinalizersRemain',
    message: 'Some content in the namespace has finalizers remaining: berth/held in 1 resource instances',
  })
  expect(condition(world, 'NamespaceContentRemaining')).toMatchObject({
    status: 'True',
    reason: 'SomeResourcesRemain',
    message: `Some resources are remaining: ${DISKS} has 1 resource instances, secrets has 1 resource instances`,
  })
  expect(condition(world, 'NamespaceDeletionContentFailure')).toMatchObject({
    status: 'False',
    reason: 'ContentDeleted',
  })
  expect(statusOf(world)?.phase).toBe('Terminating')
  expect(namesOf(world)).toEqual(['later'])
  await expect(secret(world, 'new')).rejects.toThrow('being deleted')
  await world.resources.removeFinalizer(
    DISKS,
    { namespace: 'work', name: 'held', uid: held.metadata.uid },
    'berth/held',
  )
  await soon(() => gone(world)).toBe(true)
})

test('a refused deletion is said, retried, and does not stop that of the others', async () => {
  const world = await openWorld()
  let refuse = true
  const remove = world.resources.delete.bind(world.resources)
  vi.spyOn(world.resources, 'delete').mockImplementation(async (resource, name, options) => {
    if (refuse && name.name === 'stuck') throw new Error('the disk is in use by vm web')
    return remove(resource, name, options)
  })
  await disk(world, 'stuck')
  await disk(world, 'free')
  run(world)
  await world.resources.delete('namespaces', WORK)
  await soon(() => condition(world, 'NamespaceDeletionContentFailure')).toMatchObject({
    status: 'True',
    reason: 'ContentDeletionFailed',
    message: 'Failed to delete all resource types, 1 remaining: the disk is in use by vm web',
  })
  expect(namesOf(world, DISKS)).toEqual(['stuck'])
  refuse = false
  await soon(() => gone(world)).toBe(true)
})

test('a server that ends in the middle goes on after its start', async () => {
  const dir = scratch()
  const before = await openWorld(dir)
  run(before)
  const held = await disk(before, 'held', { finalizers: ['berth/held'] })
  await Promise.all(Array.from({ length: 70 }, (_, n) => secret(before, `s${n}`)))
  await before.resources.delete('namespaces', WORK)
  await soon(() => condition(before, 'NamespaceContentRemaining')?.status).toBe('True')
  await before.end()
  const after = await openWorld(dir)
  await after.resources.removeFinalizer(
    DISKS,
    { namespace: 'work', name: 'held', uid: held.metadata.uid },
    'berth/held',
  )
  expect(namesOf(after)).toHaveLength(70)
  run(after)
  await soon(() => gone(after)).toBe(true)
  expect(namesOf(after)).toEqual([])
})

test('conditions keep the time of their last transition', async () => {
  const clock = new ManualClock()
  const world = await openWorld(undefined, clock)
  run(world)
  await disk(world, 'one', { finalizers: ['berth/held'] })
  const two = await disk(world, 'two', { finalizers: ['berth/held'] })
  await world.resources.delete('namespaces', WORK)
  const messageLater = async () => {
    await pause(5)
    await clock.advance(1_000)
    return condition(world, 'NamespaceContentRemaining')?.message
  }
  await soon(messageLater).toContain('has 2 resource instances')
  const since = condition(world, 'NamespaceContentRemaining')?.lastTransitionTime
  await world.resources.removeFinalizer(DISKS, { namespace: 'work', name: 'two', uid: two.metadata.uid }, 'berth/held')
  await soon(messageLater).toContain('has 1 resource instances')
  expect(condition(world, 'NamespaceContentRemaining')?.lastTransitionTime).toBe(since)
  expect((world.reader.get('namespaces', WORK) as KubeObject).metadata.finalizers).toEqual(['kubernetes'])
})
