// The in-process door: what controllers may rely on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Resources } from '../../../../lib/apiserver/index.ts'
import { ApiError } from '../../../../lib/errors.ts'
import type { Widget } from './kinds.ts'
import { startServer, type TestServer } from './server.ts'

const RESOURCE = 'widgets.test.berth'
let api: TestServer
let resources: Resources
let seen: string[] = []
beforeAll(async () => {
  api = await startServer({
    admission: [
      ({ operation, object, old, kind }) => {
        if (kind.resource === RESOURCE)
          seen.push(`${operation} ${object.metadata.name} ${old === null ? 'new' : 'old'}`)
        if (object.metadata.labels?.refuse === operation) throw new ApiError('Forbidden', 'no')
      },
    ],
  })
  resources = api.server.resources
})
afterAll(() => api.stop())

const make = (name: string, more: Partial<Widget['metadata']> = {}) =>
  resources.create<Widget>(RESOURCE, {
    apiVersion: 'test.berth/v1',
    kind: 'Widget',
    metadata: { name, namespace: 'default', ...more },
    spec: { size: 1 },
  })
const at = (name: string) => ({ namespace: 'default', name })

it('creates and gets', async () => {
  const made = await make('a')
  expect(made.spec).toEqual({ size: 1, color: 'red' })
  expect(await resources.get(RESOURCE, at('a'))).toEqual(made)
  expect(await resources.get(RESOURCE, at('absent'))).toBeNull()
  await expect(make('a')).rejects.toMatchObject({ reason: 'AlreadyExists' })
  await expect(make('A')).rejects.toMatchObject({ reason: 'Invalid' })
  await expect(make('x', { namespace: '' })).rejects.toMatchObject({ reason: 'BadRequest' })
  await expect(resources.get('gadgets', at('a'))).rejects.toMatchObject({ reason: 'NotFound' })
})

describe('modify', () => {
  it('writes a change, and nothing when there is none', async () => {
    const before = await resources.get<Widget>(RESOURCE, at('a'))
    expect(await resources.modify<Widget>(RESOURCE, at('a'), (widget) => widget)).toEqual(before)
    const after = await resources.modify<Widget>(RESOURCE, at('a'), (widget) => ({
      ...widget,
      spec: { ...widget.spec, size: 7 },
    }))
    expect([after?.spec.size, after?.metadata.generation]).toEqual([7, 2])
    expect(await resources.modify(RESOURCE, at('absent'), (widget) => widget)).toBeNull()
    const bad = resources.modify<Widget>(RESOURCE, at('a'), (widget) => ({ ...widget, spec: { size: 0 } }))
    await expect(bad).rejects.toMatchObject({ reason: 'Invalid' })
  })

  it('loses no change among many writers', async () => {
    await make('counter')
    const add = () =>
      resources.modify<Widget>(RESOURCE, at('counter'), (widget) => ({
        ...widget,
        spec: { ...widget.spec, size: widget.spec.size + 1 },
      }))
    await Promise.all(Array.from({ length: 12 }, add))
    expect((await resources.get<Widget>(RESOURCE, at('counter')))?.spec.size).toBe(13)
  })
})

describe('modifyStatus', () => {
  it('touches status only, of that very object', async () => {
    const { metadata } = await make('s')
    const target = { ...at('s'), uid: metadata.uid }
    const after = await resources.modifyStatus<Widget>(RESOURCE, target, (status, object) => ({
      ...status,
      phase: object.metadata.name,
    }))
    expect([after?.status, after?.metadata.generation]).toEqual([{ phase: 's' }, 1])
    const same = await resources.modifyStatus<Widget>(RESOURCE, target, () => ({ phase: 's' }))
    expect(same?.metadata.resourceVersion).toBe(after?.metadata.resourceVersion)
    expect(await resources.modifyStatus<Widget>(RESOURCE, { ...target, uid: 'other' }, () => ({}))).toBeNull()
    const wrong = resources.modifyStatus<Widget>(RESOURCE, target, () => ({ phase: 5 }) as never)
    await expect(wrong).rejects.toMatchObject({ reason: 'Invalid', details: { causes: [{ path: 'status.phase' }] } })
  })

  it('gives a finalizer in the same write, but not to what is being deleted', async () => {
    const { metadata } = await make('both')
    const target = { ...at('both'), uid: metadata.uid }
    const write = (phase: string, finalizer: string) =>
      resources.modifyStatus<Widget>(RESOURCE, target, () => ({ phase }), { finalizer })
    const before = api.store.revision()
    const made = await write('a', 'berth/x')
    expect(api.store.revision()).toBe(before + 1n)
    expect([made?.status, made?.metadata.finalizers]).toEqual([{ phase: 'a' }, ['berth/x']])
    // Both halves were written, each under its own entry of the record.
    expect(made?.metadata.managedFields).toMatchObject([{ manager: 'berth' }, { subresource: 'status' }])
    expect((await write('a', 'berth/x'))?.metadata.resourceVersion).toBe(made?.metadata.resourceVersion)
    expect((await write('a', 'berth/y'))?.metadata.finalizers).toEqual(['berth/x', 'berth/y'])
    await resources.removeFinalizer(RESOURCE, target, 'berth/y')
    await resources.delete(RESOURCE, target)
    expect(await write('b', 'berth/y')).toMatchObject({ status: { phase: 'b' }, metadata: { finalizers: ['berth/x'] } })
    await resources.removeFinalizer(RESOURCE, target, 'berth/x')
  })

  it('does not look at the spec', async () => {
    const { metadata } = await make('old')
    // As an older release may have stored it.
    const key = { resource: RESOURCE, ...at('old') }
    const entry = await api.store.get(key)
    await api.store.update(key, { ...entry?.value, spec: { size: 500 } } as Widget)
    const target = { ...at('old'), uid: metadata.uid }
    await resources.addFinalizer(RESOURCE, target, 'berth/x')
    expect((await resources.modifyStatus<Widget>(RESOURCE, target, () => ({ phase: 'Odd' })))?.status?.phase).toBe(
      'Odd',
    )
    await resources.delete(RESOURCE, at('old'))
    await resources.removeFinalizer(RESOURCE, target, 'berth/x')
    expect(await resources.get(RESOURCE, at('old'))).toBeNull()
  })
})

it('holds with finalizers', async () => {
  const { metadata } = await make('f')
  const target = { ...at('f'), uid: metadata.uid }
  await resources.addFinalizer(RESOURCE, target, 'berth/x')
  await resources.addFinalizer(RESOURCE, target, 'berth/x')
  expect((await resources.get(RESOURCE, target))?.metadata.finalizers).toEqual(['berth/x'])
  await resources.removeFinalizer(RESOURCE, { ...target, uid: 'other' }, 'berth/x')
  await resources.delete(RESOURCE, target)
  expect((await resources.get(RESOURCE, target))?.metadata.deletionTimestamp).toBeDefined()
  await expect(resources.addFinalizer(RESOURCE, target, 'berth/y')).rejects.toMatchObject({ reason: 'Conflict' })
  await resources.removeFinalizer(RESOURCE, target, 'berth/x')
  expect(await resources.get(RESOURCE, target)).toBeNull()
  await resources.removeFinalizer(RESOURCE, target, 'berth/x')
})

it('deletes, quietly when absent, never the wrong one', async () => {
  const { metadata } = await make('d')
  await expect(resources.delete(RESOURCE, at('d'), { uid: 'other' })).rejects.toMatchObject({ reason: 'Conflict' })
  await resources.delete(RESOURCE, at('d'), { uid: metadata.uid, dryRun: true })
  expect(await resources.get(RESOURCE, at('d'))).not.toBeNull()
  await resources.delete(RESOURCE, at('d'), { uid: metadata.uid })
  await resources.delete(RESOURCE, at('d'))
  expect(await resources.get(RESOURCE, at('d'))).toBeNull()
})

it('asks admission about specs, not about status and finalizers', async () => {
  seen = []
  const { metadata } = await make('adm')
  const target = { ...at('adm'), uid: metadata.uid }
  await resources.addFinalizer(RESOURCE, target, 'berth/x')
  await resources.modifyStatus<Widget>(RESOURCE, target, () => ({ phase: 'x' }))
  await resources.removeFinalizer(RESOURCE, target, 'berth/x')
  await resources.modify<Widget>(RESOURCE, target, (widget) => ({ ...widget, spec: { ...widget.spec, size: 2 } }))
  await resources.delete(RESOURCE, target)
  expect(seen).toEqual(['create adm new', 'update adm old', 'delete adm old'])
  await expect(make('no', { labels: { refuse: 'create' } })).rejects.toMatchObject({ reason: 'Forbidden' })
  await make('stay', { labels: { refuse: 'delete' } })
  await expect(resources.delete(RESOURCE, at('stay'))).rejects.toMatchObject({ reason: 'Forbidden' })
})

it('puts nothing into a namespace whose deletion has begun', async () => {
  await resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'race' } })
  const creations = Array.from({ length: 20 }, (_, index) =>
    make(`r${index}`, { namespace: 'race' }).then(
      (made) => BigInt(made.metadata.resourceVersion),
      () => 0n,
    ),
  )
  await resources.delete('namespaces', { namespace: '', name: 'race' })
  const ended = BigInt(
    (await resources.get('namespaces', { namespace: '', name: 'race' }))?.metadata.resourceVersion ?? '0',
  )
  for (const revision of await Promise.all(creations)) expect(revision).toBeLessThan(ended)
})
