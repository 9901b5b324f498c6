// Server-side apply and the record of field owners through HTTP.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startServer, type TestServer, WIDGETS, widget } from './server.ts'

let api: TestServer
beforeAll(async () => {
  api = await startServer()
})
afterAll(() => api.stop())

const TYPE = { 'content-type': 'application/apply-patch+yaml' }
const merge = { 'content-type': 'application/merge-patch+json' }
const jsonPatch = { 'content-type': 'application/json-patch+json' }

const apply = (name: string, manager: string, body: unknown, query = '') =>
  api.call('PATCH', `${WIDGETS}/${name}?fieldManager=${manager}${query}`, body, TYPE)
const get = async (name: string) => (await api.call('GET', `${WIDGETS}/${name}`)).body

interface Entry {
  readonly manager: string
  readonly operation: string
  readonly subresource?: string
  readonly fieldsV1: Record<string, unknown>
}
const entriesOf = (body: { metadata: { managedFields?: readonly Entry[] } }): readonly Entry[] =>
  body.metadata.managedFields ?? []
const whoOf = (body: { metadata: { managedFields?: readonly Entry[] } }) =>
  entriesOf(body).map(({ manager, operation, subresource = '' }) => `${manager} ${operation} ${subresource}`.trim())
const fieldsBy = (body: { metadata: { managedFields?: readonly Entry[] } }, manager: string) =>
  entriesOf(body).find((entry) => entry.manager === manager)?.fieldsV1

describe('apply', () => {
  it('creates what is not there, with its manager the owner of what it named, not of defaults', async () => {
    const { code, body } = await apply('new', 'one', widget('new', { size: 3 }, { labels: { a: '1' } }))
    expect([code, body.spec]).toEqual([201, { size: 3, color: 'red' }])
    expect(entriesOf(body)).toEqual([
      {
        manager: 'one',
        operation: 'Apply',
        apiVersion: 'test.berth/v1',
        time: expect.stringMatching(/Z$/),
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:metadata': { 'f:labels': { 'f:a': {} } }, 'f:spec': { 'f:size': {} } },
      },
    ])
  })

  it('reads YAML, and YAML that begins like JSON', async () => {
    const text = 'apiVersion: test.berth/v1\nkind: Widget\nmetadata: {name: yaml}\nspec:\n  size: 4\n'
    expect((await apply('yaml', 'one', text)).code).toBe(201)
    const flow = '{apiVersion: test.berth/v1, kind: Widget, metadata: {name: yaml}, spec: {size: 5}}'
    expect((await apply('yaml', 'one', flow)).body.spec.size).toBe(5)
    expect((await apply('yaml', 'one', '{a: [')).code).toBe(400)
  })

  it('writes nothing when nothing changes, and generation counts what does', async () => {
    const first = await apply('same', 'one', widget('same'))
    const again = await apply('same', 'one', widget('same'))
    expect([again.code, again.body.metadata.resourceVersion]).toEqual([200, first.body.metadata.resourceVersion])
    const other = await apply('same', 'two', widget('same', { size: 3 }))
    expect(other.body.metadata.resourceVersion).not.toBe(first.body.metadata.resourceVersion)
    expect(other.body.metadata.generation).toBe(1)
    expect((await apply('same', 'two', widget('same', { size: 4 }), '&force=true')).body.metadata.generation).toBe(2)
  })

  it('writes nothing when what is empty is applied again', async () => {
    const body = widget('empty', { size: 3 }, { labels: {}, annotations: {}, finalizers: [] })
    const first = await apply('empty', 'one', body)
    const again = await apply('empty', 'one', body)
    expect([again.code, again.body]).toEqual([200, first.body])
  })

  it('removes what its manager no longer applies', async () => {
    const labels = { a: '1', b: '2' }
    await apply('less', 'one', widget('less', { size: 3, tags: { x: '1', y: '1' } }, { labels }))
    await api.call('PATCH', `${WIDGETS}/less`, { spec: { tags: { z: '1' } } }, merge)
    const { body } = await apply('less', 'one', widget('less', { size: 3 }, { labels: { b: '2' } }))
    expect([body.spec.tags, body.metadata.labels]).toEqual([{ z: '1' }, { b: '2' }])
    expect((await apply('less', 'one', widget('less'))).body.metadata.labels).toBeUndefined()
  })

  it("refuses to change what others own, in Kubernetes' words, and takes it when forced", async () => {
    await apply('taken', 'one', widget('taken', { size: 3, amount: 1 }))
    const one = await apply('taken', 'two', widget('taken', { size: 4 }))
    expect([one.code, one.body.reason]).toEqual([409, 'Conflict'])
    expect(one.body.message).toBe('Apply failed with 1 conflict: conflict with "one": .spec.size')
    expect(one.body.details.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.size' },
    ])
    await api.call('PATCH', `${WIDGETS}/taken?fieldManager=kubectl-edit`, { spec: { amount: 2 } }, merge)
    const several = await apply('taken', 'two', widget('taken', { size: 4, amount: 3 }))
    expect(several.body.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "kubectl-edit" using test.berth/v1:\n- .spec.amount\nconflicts with "one":\n- .spec.size',
    )
    const forced = await apply('taken', 'two', widget('taken', { size: 4, amount: 3 }), '&force=true')
    expect(forced.body.spec).toMatchObject({ size: 4, amount: 3 })
    expect(whoOf(forced.body)).toEqual(['two Apply'])
  })

  it('takes from client-side apply what it set itself, as kubectl only', async () => {
    const last = 'kubectl.kubernetes.io/last-applied-configuration'
    const applied = (size: number) => JSON.stringify(widget('csa', { size }))
    const annotated = widget('csa', { size: 3, amount: 1 }, { annotations: { [last]: applied(3) } })
    await api.call('POST', `${WIDGETS}?fieldManager=kubectl-client-side-apply`, annotated)
    const other = await apply('csa', 'other', widget('csa', { size: 4 }))
    expect(other.body.message).toContain('conflict with "kubectl-client-side-apply"')
    // The amount was not in what was applied.
    const more = await apply('csa', 'kubectl', widget('csa', { size: 4, amount: 2 }))
    expect(more.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using test.berth/v1: .spec.amount',
    )
    const { code, body } = await apply('csa', 'kubectl', widget('csa', { size: 4 }))
    expect([code, body.spec]).toMatchObject([200, { size: 4, amount: 1 }])
    expect(JSON.parse(body.metadata.annotations[last])).toEqual(JSON.parse(applied(4)))
    // Somebody else changed it since: it is no longer client-side apply's.
    await api.call('PATCH', `${WIDGETS}/csa?fieldManager=hand`, { spec: { size: 9 } }, merge)
    expect((await apply('csa', 'kubectl', widget('csa', { size: 5 }))).code).toBe(409)
  })

  it('is a dry run when asked', async () => {
    expect((await apply('dry', 'one', widget('dry'), '&dryRun=All')).code).toBe(201)
    expect((await api.call('GET', `${WIDGETS}/dry`)).code).toBe(404)
    await apply('dry2', 'one', widget('dry2'))
    expect((await apply('dry2', 'one', widget('dry2', { size: 9 }), '&dryRun=All')).body.spec.size).toBe(9)
    expect((await get('dry2')).spec.size).toBe(3)
  })

  it('works in every served version, the record common to all', async () => {
    await apply('versions', 'one', widget('versions', { size: 3, amount: 1 }))
    const beta = WIDGETS.replace('/v1/', '/v1beta1/')
    const config = { ...widget('versions', { bigness: 3 }), apiVersion: 'test.berth/v1beta1' }
    const { code, body } = await api.call('PATCH', `${beta}/versions?fieldManager=one`, config, TYPE)
    expect([code, body.spec.bigness]).toEqual([200, 3])
    expect(body.spec.amount).toBeUndefined()
  })

  it.each([
    ['no manager', '', widget('bad'), 422, 'fieldManager: Required value: is required for apply patch'],
    ['a manager that is too long', `fieldManager=${'x'.repeat(129)}`, widget('bad'), 422, 'at most 128 characters'],
    [
      'no type',
      'fieldManager=a',
      { metadata: { name: 'bad' }, spec: { size: 1 } },
      400,
      'must have apiVersion and kind',
    ],
    [
      'a record',
      'fieldManager=a',
      widget('bad', { size: 1 }, { managedFields: [] }),
      400,
      'metadata.managedFields must be nil',
    ],
    ['another name', 'fieldManager=a', widget('other'), 400, 'name of the object'],
    ['an unknown field', 'fieldManager=a', widget('bad', { size: 1, sizes: 1 }), 422, 'did you mean "size"'],
    ['a wrong value', 'fieldManager=a', widget('bad', { size: 0 }), 422, 'spec.size: must be at least 1'],
    [
      'a resourceVersion of nothing',
      'fieldManager=a',
      widget('bad', { size: 1 }, { resourceVersion: '1' }),
      409,
      'no such object',
    ],
    ['no object', 'fieldManager=a', [], 400, 'must be an object'],
  ])('refuses %s', async (_title, query, body, code, message) => {
    const answer = await api.call('PATCH', `${WIDGETS}/bad?${query}`, body, TYPE)
    expect([answer.code, answer.body.message]).toEqual([code, expect.stringContaining(message)])
    expect((await api.call('GET', `${WIDGETS}/bad`)).code).toBe(404)
  })

  it('keeps unknown fields out of the record when they are ignored', async () => {
    const { body } = await apply('ignored', 'one', widget('ignored', { size: 1, zebra: 1 }), '&fieldValidation=Ignore')
    expect(fieldsBy(body, 'one')).toEqual({ 'f:spec': { 'f:size': {} } })
  })

  it('has many appliers at a time, of which none is lost', async () => {
    await apply('crowd', 'zero', widget('crowd'))
    const appliers = Array.from({ length: 12 }, (_, index) => `m${index}`)
    const made = await Promise.all(
      appliers.map((who) => apply('crowd', who, { ...widget('crowd', {}), spec: { tags: { [who]: '1' } } })),
    )
    expect(made.map(({ code }) => code)).toEqual(appliers.map(() => 200))
    expect(Object.keys((await get('crowd')).spec.tags).sort()).toEqual([...appliers].sort())
  })

  it('refuses force where it means nothing', async () => {
    await apply('force', 'one', widget('force'))
    const { code, body } = await api.call('PATCH', `${WIDGETS}/force?force=true`, {}, merge)
    expect([code, body.message]).toEqual([422, expect.stringContaining('may not be specified for non-apply patch')])
  })
})

describe('the record of field owners', () => {
  it('names who created and who changed, by fieldManager or User-Agent', async () => {
    await api.call('POST', WIDGETS, widget('rec', { size: 3, amount: 1 }), { 'user-agent': 'curl/8.1 (x)' })
    await api.call('PATCH', `${WIDGETS}/rec?fieldManager=editor`, { spec: { amount: 2 } }, merge)
    const body = await get('rec')
    expect(whoOf(body)).toEqual(['curl Update', 'editor Update'])
    expect(fieldsBy(body, 'curl')).toEqual({ 'f:spec': { '.': {}, 'f:color': {}, 'f:size': {} } })
    expect(fieldsBy(body, 'editor')).toEqual({ 'f:spec': { 'f:amount': {} } })
  })

  it('does not change when nothing does', async () => {
    const before = await get('rec')
    expect((await api.call('PUT', `${WIDGETS}/rec?fieldManager=other`, before)).body).toEqual(before)
    expect((await api.call('PATCH', `${WIDGETS}/rec?fieldManager=other`, {}, merge)).body).toEqual(before)
  })

  it('is kept by those who send an object without it, or with an empty list', async () => {
    const before = await get('rec')
    const { managedFields: _, ...metadata } = before.metadata
    expect((await api.call('PUT', `${WIDGETS}/rec`, { ...before, metadata })).body).toEqual(before)
    const emptied = await api.call('PATCH', `${WIDGETS}/rec`, { metadata: { managedFields: [] } }, merge)
    expect(emptied.body).toEqual(before)
  })

  it('is cleared by an empty entry, and begins anew with the next apply', async () => {
    await api.call('POST', WIDGETS, widget('clear', { size: 3, amount: 1 }))
    const clear = [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }]
    expect(entriesOf((await api.call('PATCH', `${WIDGETS}/clear`, clear, jsonPatch)).body)).toEqual([])
    await api.call('PATCH', `${WIDGETS}/clear`, { spec: { amount: 2 } }, merge)
    expect(entriesOf(await get('clear'))).toEqual([])
    const conflict = await apply('clear', 'one', widget('clear', { size: 4 }))
    expect(conflict.body.message).toContain('conflict with "before-first-apply" using test.berth/v1: .spec.size')
    const { body } = await apply('clear', 'one', widget('clear', { size: 3 }))
    expect(whoOf(body)).toEqual(['one Apply', 'before-first-apply Update'])
  })

  it('can be rewritten, as kubectl does to move to server-side apply', async () => {
    await api.call('POST', `${WIDGETS}?fieldManager=kubectl-client-side-apply`, widget('move', { size: 3, amount: 1 }))
    const before = await get('move')
    const moved = before.metadata.managedFields.map((entry: Entry) => ({
      ...entry,
      manager: 'kubectl',
      operation: 'Apply',
    }))
    const patch = [
      { op: 'replace', path: '/metadata/managedFields', value: moved },
      { op: 'replace', path: '/metadata/resourceVersion', value: before.metadata.resourceVersion },
    ]
    expect(whoOf((await api.call('PATCH', `${WIDGETS}/move`, patch, jsonPatch)).body)).toEqual(['kubectl Apply'])
    expect((await apply('move', 'kubectl', widget('move', { size: 3 }))).body.spec.amount).toBeUndefined()
    const wrong = [{ op: 'replace', path: '/metadata/managedFields', value: [{ operation: 'Apply', fieldsType: 'X' }] }]
    expect((await api.call('PATCH', `${WIDGETS}/move`, wrong, jsonPatch)).code).toBe(400)
  })

  it('is not in tables, and is in metadata', async () => {
    const table = await api.call('GET', `${WIDGETS}/rec`, undefined, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    })
    expect(table.body.rows[0].object.metadata.managedFields).toBeUndefined()
    const partial = await api.call('GET', `${WIDGETS}/rec`, undefined, {
      accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    })
    expect(whoOf(partial.body)).toContain('curl Update')
  })
})

describe("controllers' writes", () => {
  const target = async (name: string) => ({ namespace: 'default', name, uid: (await get(name)).metadata.uid })
  const setStatus = async (name: string, status: unknown) =>
    api.server.resources.modifyStatus('widgets.test.berth', await target(name), () => status)

  it('own the status that nobody else claims, at the price of a time stamp', async () => {
    await apply('own', 'one', widget('own'))
    await setStatus('own', { phase: 'A', conditions: [{ type: 'Ready', status: 'True' }] })
    const body = await get('own')
    expect(whoOf(body)).toEqual(['one Apply', 'berth Update status'])
    expect(fieldsBy(body, 'berth')).toEqual({ 'f:status': { '.': {}, 'f:phase': {}, 'f:conditions': {} } })
    const stored = await api.store.get({ resource: 'widgets.test.berth', namespace: 'default', name: 'own' })
    const record = stored?.value.metadata.managedFields?.find((entry) => 'subresource' in entry)
    expect(Object.keys(record ?? {}).sort()).toEqual(['apiVersion', 'manager', 'operation', 'subresource', 'time'])
  })

  it('share the status with a client that writes into it, until they write the same field', async () => {
    await api.call('PATCH', `${WIDGETS}/own/status?fieldManager=probe`, { status: { ready: true } }, merge)
    expect(fieldsBy(await get('own'), 'probe')).toEqual({ 'f:status': { 'f:ready': {} } })
    expect(fieldsBy(await get('own'), 'berth')).toEqual({ 'f:status': { '.': {}, 'f:phase': {}, 'f:conditions': {} } })
    await setStatus('own', { phase: 'B', ready: false })
    const body = await get('own')
    expect(whoOf(body)).toEqual(['one Apply', 'berth Update status'])
    expect(fieldsBy(body, 'berth')).toEqual({ 'f:status': { '.': {}, 'f:phase': {}, 'f:ready': {} } })
  })

  it('refuse an apply of their status, unless it is forced', async () => {
    const config = { apiVersion: 'test.berth/v1', kind: 'Widget', metadata: { name: 'own' }, status: { phase: 'C' } }
    const url = `${WIDGETS}/own/status?fieldManager=two`
    const refused = await api.call('PATCH', url, config, TYPE)
    expect(refused.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "berth" with subresource "status" using test.berth/v1: .status.phase',
    )
    const forced = await api.call('PATCH', `${url}&force=true`, config, TYPE)
    expect([forced.code, forced.body.status.phase, forced.body.spec.size]).toEqual([200, 'C', 3])
    expect(fieldsBy(forced.body, 'berth')).toEqual({ 'f:status': { '.': {}, 'f:ready': {} } })
  })

  it('name the finalizers that they set, and own what they created', async () => {
    await api.server.resources.addFinalizer('widgets.test.berth', await target('own'), 'test.berth/hold')
    expect(
      entriesOf(await get('own')).find(({ manager, subresource }) => manager === 'berth' && !subresource)?.fieldsV1,
    ).toEqual({
      'f:metadata': { 'f:finalizers': { '.': {}, 'v:"test.berth/hold"': {} } },
    })
    await api.server.resources.removeFinalizer('widgets.test.berth', await target('own'), 'test.berth/hold')
    expect(whoOf(await get('own'))).not.toContain('berth Update')
    await api.server.resources.create('widgets.test.berth', {
      ...widget('made'),
      metadata: { name: 'made', namespace: 'default' },
    })
    const refused = await apply('made', 'one', widget('made', { size: 4 }))
    expect(refused.body.message).toContain('conflict with "berth" using test.berth/v1: .spec.size')
    await apply('made', 'one', widget('made', { size: 4 }), '&force=true')
    await api.server.resources.modify('widgets.test.berth', { namespace: 'default', name: 'made' }, (object) => ({
      ...object,
      metadata: { ...object.metadata, labels: { seen: 'yes' } },
    }))
    const body = await get('made')
    expect(whoOf(body)).toEqual(['one Apply', 'berth Update'])
    expect(fieldsBy(body, 'berth')).toMatchObject({ 'f:metadata': { 'f:labels': { 'f:seen': {} } } })
    expect(fieldsBy(body, 'one')).toEqual({ 'f:spec': { 'f:size': {} } })
  })
})

it('is written as it would be read, whatever the object has', async () => {
  const { toWire, toWireText } = await import('../../../../lib/apiserver/fields/wire.ts')
  const { entries } = await api.store.list('widgets.test.berth')
  expect(entries.length).toBeGreaterThan(5)
  for (const { value } of entries) expect(JSON.parse(toWireText({}, value))).toEqual(toWire({}, value))
  const bare = { apiVersion: 'v1', kind: 'X', metadata: { ...entries[0]?.value.metadata, name: 'x' } }
  expect(JSON.parse(toWireText({}, bare as never))).toEqual(toWire({}, bare as never))
})
