import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createGarbageCollector } from '../../../../lib/controllers/garbage-collector.ts'
import { KINDS } from '../../../../schemas/index.ts'
import { scratch } from '../../../support/scratch.ts'
import { NODES, namesOf, openWorld, ref, SECRETS, secret, soon, type World } from './world.ts'

const collect = (world: World) => world.run(createGarbageCollector({ ...world, kinds: KINDS }))

async function collected(dir?: string): Promise<World> {
  const world = await openWorld(dir)
  collect(world)
  return world
}

const at = (name: string, namespace = 'work') => ({ namespace, name })
const finalizersOf = ({ reader }: World, name: string) => reader.get(SECRETS, at(name))?.metadata.finalizers ?? []

/** Long enough for the collector to have done what it should not. */
const grace = () => pause(60)

test('what a deleted object owned goes with it, down the generations', async () => {
  const world = await collected()
  const grandparent = await secret(world, 'grandparent')
  const parent = await secret(world, 'parent', { owners: [ref(grandparent)] })
  await secret(world, 'child', { owners: [ref(parent)] })
  await secret(world, 'stranger')
  await grace()
  expect(namesOf(world)).toHaveLength(4)
  await world.resources.delete(SECRETS, at('grandparent'))
  await soon(() => namesOf(world)).toEqual(['stranger'])
})

test('an object with several owners lives as long as one of them, and forgets the others', async () => {
  const world = await collected()
  const [one, two] = [await secret(world, 'one'), await secret(world, 'two')]
  await secret(world, 'shared', { owners: [ref(one), ref(two)] })
  await world.resources.delete(SECRETS, at('one'))
  await soon(() => world.reader.get(SECRETS, at('shared'))?.metadata.ownerReferences).toEqual([ref(two)])
  await world.resources.delete(SECRETS, at('two'))
  await soon(() => namesOf(world)).toEqual([])
})

test('a dependent that is created after its owner was deleted goes too', async () => {
  const world = await collected()
  const owner = await secret(world, 'owner')
  await world.resources.delete(SECRETS, at('owner'))
  await secret(world, 'late', { owners: [ref(owner)] })
  await soon(() => namesOf(world)).toEqual([])
})

test('a successor of the same name is not the owner', async () => {
  const world = await collected()
  const owner = await secret(world, 'owner')
  await world.resources.delete(SECRETS, at('owner'))
  await secret(world, 'owner')
  await secret(world, 'orphan', { owners: [ref(owner)] })
  await soon(() => namesOf(world)).toEqual(['owner'])
})

test('an owner of a kind that is not known here keeps its dependents', async () => {
  const world = await collected()
  const foreign = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u1' }
  const sameName = { apiVersion: 'other.group/v1', kind: 'Secret', name: 'gone', uid: 'u2' }
  const gone = await secret(world, 'gone')
  await secret(world, 'kept', { owners: [foreign] })
  await secret(world, 'kept-too', { owners: [sameName] })
  await secret(world, 'kept-as-well', { owners: [foreign, ref(gone)] })
  await world.resources.delete(SECRETS, at('gone'))
  await soon(() => world.reader.get(SECRETS, at('kept-as-well'))?.metadata.ownerReferences).toEqual([foreign])
  await grace()
  expect(namesOf(world)).toEqual(['kept', 'kept-as-well', 'kept-too'])
})

test('an owner without a namespace owns in all of them, one with a namespace only there', async () => {
  const world = await collected()
  const node = await world.resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'host' } })
  await secret(world, 'of-node', { owners: [ref(node)] })
  await secret(world, 'of-node-too', { owners: [ref(node)], namespace: 'default' })
  const owner = await secret(world, 'owner')
  await secret(world, 'elsewhere', { owners: [ref(owner)], namespace: 'default' })
  await soon(() => namesOf(world)).not.toContain('elsewhere')
  expect(namesOf(world)).toEqual(['of-node-too', 'of-node', 'owner'])
  await world.resources.delete(NODES, at('host', ''))
  await soon(() => namesOf(world)).toEqual(['owner'])
})

test('foreground: the owner goes after the dependents that block it, and they after theirs', async () => {
  const world = await collected()
  const owner = await secret(world, 'owner')
  const middle = await secret(world, 'middle', { owners: [ref(owner, { blockOwnerDeletion: true })] })
  const last = await secret(world, 'last', {
    owners: [ref(middle, { blockOwnerDeletion: true })],
    finalizers: ['berth/held'],
  })
  await world.resources.delete(SECRETS, at('owner'), { propagation: 'Foreground' })
  await soon(() => world.reader.get(SECRETS, at('last'))?.metadata.deletionTimestamp).toBeDefined()
  await grace()
  expect(namesOf(world)).toEqual(['last', 'middle', 'owner'])
  expect(finalizersOf(world, 'middle')).toEqual(['foregroundDeletion'])
  const order: string[] = []
  world.reader.onChange((change) => {
    if (change.type === 'delete') order.push(change.key.name)
  })
  await world.resources.removeFinalizer(SECRETS, { ...at('last'), uid: last.metadata.uid }, 'berth/held')
  await soon(() => namesOf(world)).toEqual([])
  expect(order).toEqual(['last', 'middle', 'owner'])
})

test('foreground: a dependent that does not block is not waited for, and goes after', async () => {
  const world = await collected()
  const owner = await secret(world, 'owner')
  await secret(world, 'slow', { owners: [ref(owner)], finalizers: ['berth/held'] })
  await world.resources.delete(SECRETS, at('owner'), { propagation: 'Foreground' })
  await soon(() => namesOf(world)).toEqual(['slow'])
  await soon(() => world.reader.get(SECRETS, at('slow'))?.metadata.deletionTimestamp).toBeDefined()
})

test('foreground: a dependent that stops blocking lets the owner go', async () => {
  const world = await collected()
  const owner = await secret(world, 'owner')
  await secret(world, 'held', { owners: [ref(owner, { blockOwnerDeletion: true })], finalizers: ['berth/held'] })
  await world.resources.delete(SECRETS, at('owner'), { propagation: 'Foreground' })
  await grace()
  expect(namesOf(world)).toEqual(['held', 'owner'])
  await world.resources.modify(SECRETS, at('held'), (object) => ({
    ...object,
    metadata: { ...object.metadata, ownerReferences: [ref(owner, { blockOwnerDeletion: false })] },
  }))
  await soon(() => namesOf(world)).toEqual(['held'])
})

test('foreground: a circle of owners does not wait for itself', async () => {
  const world = await collected()
  const first = await secret(world, 'first')
  const second = await secret(world, 'second', { owners: [ref(first, { blockOwnerDeletion: true })] })
  const third = await secret(world, 'third', { owners: [ref(second, { blockOwnerDeletion: true })] })
  await world.resources.modify(SECRETS, at('first'), (object) => ({
    ...object,
    metadata: { ...object.metadata, ownerReferences: [ref(third, { blockOwnerDeletion: true })] },
  }))
  await grace()
  expect(namesOf(world)).toHaveLength(3)
  await world.resources.delete(SECRETS, at('first'), { propagation: 'Foreground' })
  await soon(() => namesOf(world)).toEqual([])
})

test('orphan: the dependents stay and no longer name their owner', async () => {
  const world = await collected()
  const [owner, other] = [await secret(world, 'owner'), await secret(world, 'other')]
  await secret(world, 'child', { owners: [ref(owner)] })
  await secret(world, 'shared', { owners: [ref(owner), ref(other)] })
  await world.resources.delete(SECRETS, at('owner'), { propagation: 'Orphan' })
  await soon(() => namesOf(world)).toEqual(['child', 'other', 'shared'])
  await grace()
  expect(world.reader.get(SECRETS, at('child'))?.metadata.ownerReferences ?? []).toEqual([])
  expect(world.reader.get(SECRETS, at('shared'))?.metadata.ownerReferences).toEqual([ref(other)])
})

test('what happened while nobody collected is found at the next start', async () => {
  const dir = scratch()
  const before = await openWorld(dir)
  const [background, foreground, orphaning] = [
    await secret(before, 'background'),
    await secret(before, 'foreground'),
    await secret(before, 'orphaning'),
  ]
  await secret(before, 'b-child', { owners: [ref(background)] })
  await secret(before, 'f-child', { owners: [ref(foreground, { blockOwnerDeletion: true })] })
  await secret(before, 'o-child', { owners: [ref(orphaning)] })
  await before.resources.delete(SECRETS, at('background'))
  await before.resources.delete(SECRETS, at('foreground'), { propagation: 'Foreground' })
  await before.resources.delete(SECRETS, at('orphaning'), { propagation: 'Orphan' })
  expect(namesOf(before)).toHaveLength(5)
  await before.end()
  const after = await collected(dir)
  await soon(() => namesOf(after)).toEqual(['o-child'])
})

test('a hundred dependents go at once', async () => {
  const world = await collected()
  const owner = await secret(world, 'owner')
  await Promise.all(Array.from({ length: 100 }, (_, n) => secret(world, `n${n}`, { owners: [ref(owner)] })))
  await world.resources.delete(SECRETS, at('owner'))
  await soon(() => namesOf(world)).toEqual([])
})
