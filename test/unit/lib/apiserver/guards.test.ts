// Guards: who may write what. They hear of every write of a client, status and deletions too, and of none of the server itself.
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { GuardedWrite } from '../../../../lib/apiserver/index.ts'
import { ApiError } from '../../../../lib/errors.ts'
import type { Widget } from './kinds.ts'
import { startServer, type TestServer, WIDGETS, widget } from './server.ts'

const RESOURCE = 'widgets.test.berth'
const NAME = { namespace: 'default', name: 'held' }

let api: TestServer
let heard: string[]
beforeEach(async () => {
  heard = []
  const held = ({ operation, object, caller }: GuardedWrite) => {
    heard.push(`${operation} ${object.metadata.name} by ${caller.user}`)
    if (object.metadata.name === 'held') throw new ApiError('Conflict', 'held by somebody')
  }
  api = await startServer({ guards: [held] })
  await api.server.resources.create(RESOURCE, { ...widget('held'), metadata: NAME })
  await api.server.resources.create(RESOURCE, { ...widget('free'), metadata: { ...NAME, name: 'free' } })
})
afterEach(() => api.stop())

const MERGE = { 'content-type': 'application/merge-patch+json' }

it.each([
  ['PATCH', '/held', { spec: { size: 7 } }],
  ['PATCH', '/held/status', { status: { phase: 'Odd' } }],
  ['DELETE', '/held', undefined],
  ['DELETE', '', undefined],
] as const)('refuse %s of %s', async (method, path, body) => {
  const reply = await api.call(method, `${WIDGETS}${path}`, body, body === undefined ? {} : MERGE)
  expect([reply.code, reply.body.message]).toEqual([409, 'held by somebody'])
  expect(await api.server.resources.get(RESOURCE, NAME)).not.toBeNull()
})

it('do not hear of the server itself', async () => {
  const { resources } = api.server
  const made = await resources.get<Widget>(RESOURCE, NAME)
  if (made === null) throw new Error('it is not there')
  await resources.modify<Widget>(RESOURCE, NAME, (old) => ({ ...old, spec: { ...old.spec, size: 9 } }))
  await resources.modifyStatus<Widget>(RESOURCE, { ...NAME, uid: made.metadata.uid }, () => ({ phase: 'Fine' }))
  await resources.delete(RESOURCE, NAME)
  expect(heard).toEqual([])
})

it('are not asked where nothing changes', async () => {
  expect((await api.call('PATCH', `${WIDGETS}/held`, {}, MERGE)).code).toBe(200)
  expect(heard).toEqual([])
})

it('a copy follows what it is a copy of: its generation too, not who holds it', async () => {
  const { resources } = api.server
  const made = await resources.get<Widget>(RESOURCE, NAME)
  if (made === null) throw new Error('it is not there')
  const { uid } = made.metadata
  await resources.addFinalizer(RESOURCE, { ...NAME, uid }, 'test.berth/hold')
  const wanted = {
    ...made,
    spec: { size: 5 },
    metadata: { ...made.metadata, generation: 12, labels: { a: 'b' }, resourceVersion: '1' },
  }
  const next = await resources.follow<Widget>(RESOURCE, wanted)
  expect(next?.spec.size).toBe(5)
  expect(next?.metadata).toMatchObject({ generation: 12, labels: { a: 'b' }, finalizers: ['test.berth/hold'] })
  const older = await resources.follow<Widget>(RESOURCE, {
    ...wanted,
    spec: { size: 6 },
    metadata: { ...wanted.metadata, generation: 3 },
  })
  expect(older?.metadata.generation).toBe(13)
  const other = { ...wanted, metadata: { ...wanted.metadata, uid: 'another' } }
  expect(await resources.follow<Widget>(RESOURCE, other)).toBeNull()
})
