// Create, read, update and delete through HTTP.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startServer, type TestServer, WIDGETS, widget } from './server.ts'

let api: TestServer
beforeAll(async () => {
  api = await startServer()
})
afterAll(() => api.stop())

const causes = (body: { details: { causes: { field: string; message: string; reason: string }[] } }) =>
  body.details.causes.map(({ field, message }) => `${field}: ${message}`)

describe('create', () => {
  it('fills metadata and defaults, and clears status', async () => {
    const { code, body } = await api.call('POST', WIDGETS, { ...widget('a'), status: { phase: 'Ready' } })
    expect(code).toBe(201)
    expect(body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    expect(body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(body.metadata).toMatchObject({ name: 'a', namespace: 'default', generation: 1 })
    expect(body.metadata.resourceVersion).toMatch(/^\d+$/)
    expect(body.spec).toEqual({ size: 3, color: 'red' })
    expect(body.status).toBeUndefined()
    expect((await api.call('GET', `${WIDGETS}/a`)).body).toEqual(body)
  })

  it('refuses a second object of that name', async () => {
    const { code, body } = await api.call('POST', WIDGETS, widget('a'))
    expect([code, body.reason]).toEqual([409, 'AlreadyExists'])
    expect(body.message).toBe('widgets.test.berth "a" already exists')
  })

  it('makes up names from generateName', async () => {
    const input = { ...widget(''), metadata: { generateName: 'w-' } }
    const names = [await api.call('POST', WIDGETS, input), await api.call('POST', WIDGETS, input)].map(
      ({ body }) => body.metadata.name,
    )
    expect(names[0]).toMatch(/^w-[bcdfghjklmnpqrstvwxz2-9]{5}$/)
    expect(names[0]).not.toBe(names[1])
  })

  it('reads YAML', async () => {
    const text = 'apiVersion: test.berth/v1\nkind: Widget\nmetadata: {name: yaml}\nspec:\n  size: 4\n'
    const { code, body } = await api.call('POST', WIDGETS, text, { 'content-type': 'application/yaml' })
    expect([code, body.spec.size]).toEqual([201, 4])
  })

  it.each([
    [{ size: 0 }, 'spec.size: must be at least 1'],
    [{ size: 1e9 }, 'spec.size: must be at most 100'],
    [{ size: 'big' }, 'spec.size: must be an integer'],
    [{}, 'spec.size: is required'],
    [{ size: 1, color: 'green' }, 'spec.color: must be one of "red", "blue"'],
    [{ size: 1, sizes: 2 }, 'spec.sizes: unknown field; did you mean "size"?'],
    [{ size: 1, zebra: 2 }, 'spec.zebra: unknown field'],
    [
      {
        size: 1,
        parts: [
          { name: 'a', order: 1 },
          { name: '', order: 0 },
        ],
      },
      'spec.parts[1].order: must be at least 1',
    ],
    [{ size: 1, parts: [{ name: 'a', odrer: 1 }] }, 'spec.parts[0].odrer: unknown field; did you mean "order"?'],
    [
      {
        size: 1,
        parts: [
          { name: 'a', order: 1 },
          { name: 'b', order: 1 },
        ],
      },
      'spec.parts: two parts have the same order',
    ],
    [{ size: 1, tags: { 'a.b/c': 1 } }, 'spec.tags[a.b/c]: must be a string'],
    [{ size: 1, amount: true }, 'spec.amount: must be an integer or a string'],
  ])('refuses %j', async (spec, expected) => {
    const { code, body } = await api.call('POST', WIDGETS, widget('bad', spec))
    expect([code, body.reason, body.details.kind, body.details.name]).toEqual([422, 'Invalid', 'Widget', 'bad'])
    expect(causes(body)).toContain(expected)
    expect(body.message).toContain(expected)
  })

  it.each([
    ['A', 'metadata.name'],
    ['a'.repeat(64), 'metadata.name: must have at most 63 characters'],
    ['', 'metadata.name: name or generateName is required'],
    ['-a', 'metadata.name'],
    ['a..b', 'metadata.name'],
  ])('refuses the name %j', async (name, expected) => {
    const { code, body } = await api.call('POST', WIDGETS, widget(name))
    expect(code).toBe(422)
    expect(causes(body)[0]).toContain(expected)
  })

  it.each([
    [{ labels: { 'a/b/c': 'x' } }, 'metadata.labels'],
    [{ labels: { a: 'x y' } }, 'metadata.labels.a'],
    [{ labels: { a: 1 } }, 'metadata.labels.a: must be a string'],
    [{ annotations: { '/x': '' } }, 'metadata.annotations'],
    [{ annotations: { x: 'y'.repeat(262_145) } }, 'metadata.annotations: must have at most 262144 bytes'],
    [{ finalizers: ['not ok'] }, 'metadata.finalizers[0]'],
    [
      { ownerReferences: [{ kind: 'Widget', name: 'a', uid: '' }] },
      'metadata.ownerReferences[0].apiVersion: is required',
    ],
    [{ lables: {} }, 'metadata.lables: unknown field; did you mean "labels"?'],
  ])('refuses metadata %#', async (metadata, expected) => {
    const { code, body } = await api.call('POST', WIDGETS, widget('bad', { size: 1 }, metadata))
    expect(code).toBe(422)
    expect(causes(body)[0]).toContain(expected)
  })

  it('takes null for absent', async () => {
    const { code, body } = await api.call(
      'POST',
      `${WIDGETS}?dryRun=All`,
      widget('nulls', { size: 1, color: null, parts: null }, { creationTimestamp: null }),
    )
    expect(code).toBe(201)
    expect(body.spec).toEqual({ size: 1, color: 'red' })
  })

  it.each([
    ['Warn', 201, '299 - "spec.sizes: unknown field; did you mean \\"size\\"?"'],
    ['Ignore', 201, undefined],
    ['Strict', 422, undefined],
    ['Perhaps', 400, undefined],
  ])('validates fields as %s', async (mode, code, warning) => {
    const reply = await api.call(
      'POST',
      `${WIDGETS}?fieldValidation=${mode}&dryRun=All`,
      widget('v', { size: 1, sizes: 2 }),
    )
    expect([reply.code, reply.headers.warning]).toEqual([code, warning])
    if (code === 201) expect(reply.body.spec).toEqual({ size: 1, color: 'red' })
  })

  it('writes nothing in a dry run', async () => {
    expect((await api.call('POST', `${WIDGETS}?dryRun=All`, widget('dry'))).code).toBe(201)
    expect((await api.call('GET', `${WIDGETS}/dry`)).code).toBe(404)
    expect((await api.call('POST', `${WIDGETS}?dryRun=All`, widget('a'))).code).toBe(409)
    expect((await api.call('POST', `${WIDGETS}?dryRun=Some`, widget('dry'))).code).toBe(400)
  })

  it('refuses another type or namespace than those of the path', async () => {
    for (const wrong of [{ kind: 'Note' }, { apiVersion: 'v1' }, { metadata: { name: 'x', namespace: 'other' } }])
      expect((await api.call('POST', WIDGETS, { ...widget('x'), ...wrong })).code).toBe(400)
  })

  it('refuses a namespace that is absent or going away', async () => {
    const absent = await api.call('POST', WIDGETS.replace('default', 'nowhere'), widget('x'))
    expect([absent.code, absent.body.message]).toEqual([404, 'namespaces "nowhere" not found'])
    await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'ending' } })
    const ending = await api.call('DELETE', '/api/v1/namespaces/ending')
    expect(ending.body.metadata).toMatchObject({ finalizers: ['kubernetes'] })
    expect(ending.body.metadata.deletionTimestamp).toBeDefined()
    expect(ending.body.status.phase).toBe('Terminating')
    const late = await api.call('POST', WIDGETS.replace('default', 'ending'), widget('x'))
    expect([late.code, late.body.reason]).toEqual([403, 'Forbidden'])
    expect(late.body.details.causes[0].field).toBe('metadata.namespace')
  })
})

describe('update', () => {
  it('counts generations for changes of spec only, and does not write what is the same', async () => {
    const made = (await api.call('POST', WIDGETS, widget('u'))).body
    const same = (await api.call('PUT', `${WIDGETS}/u`, made)).body
    expect(same).toEqual(made)
    const labelled = (
      await api.call('PUT', `${WIDGETS}/u`, { ...made, metadata: { ...made.metadata, labels: { a: 'b' } } })
    ).body
    expect(labelled.metadata.generation).toBe(1)
    expect(labelled.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion)
    const grown = (await api.call('PUT', `${WIDGETS}/u`, { ...labelled, spec: { size: 9 } })).body
    expect([grown.metadata.generation, grown.metadata.uid]).toEqual([2, made.metadata.uid])
    expect(grown.metadata.labels).toEqual({ a: 'b' })
  })

  it('refuses an older resourceVersion, another uid and another name', async () => {
    const made = (await api.call('GET', `${WIDGETS}/u`)).body
    for (const [metadata, code] of [
      [{ ...made.metadata, resourceVersion: '1' }, 409],
      [{ ...made.metadata, uid: 'x' }, 409],
      [{ ...made.metadata, name: 'v' }, 400],
    ])
      expect((await api.call('PUT', `${WIDGETS}/u`, { ...made, metadata })).code).toBe(code)
    expect((await api.call('PUT', `${WIDGETS}/u`, widget('u', { size: 5 }))).code).toBe(200)
    expect((await api.call('PUT', `${WIDGETS}/absent`, widget('absent'))).code).toBe(404)
  })

  it('runs rules about changes', async () => {
    const { code, body } = await api.call('PUT', `${WIDGETS}/u`, widget('u', { size: 5, color: 'blue' }))
    expect([code, causes(body)]).toEqual([422, ['spec.color: cannot be changed']])
  })

  it('keeps spec and status apart', async () => {
    const url = `${WIDGETS}/u`
    const before = (await api.call('GET', url)).body
    const status = await api.call('PUT', `${url}/status`, { ...before, spec: { size: 77 }, status: { phase: 'Ready' } })
    expect(status.body.spec.size).toBe(before.spec.size)
    expect(status.body.status).toEqual({ phase: 'Ready' })
    expect(status.body.metadata.generation).toBe(before.metadata.generation)
    const main = await api.call('PATCH', url, { status: { phase: 'No' }, spec: { size: 6 } }, merge)
    expect([main.body.status.phase, main.body.spec.size]).toEqual(['Ready', 6])
    const patched = await api.call('PATCH', `${url}/status`, { status: { ready: true } }, merge)
    expect(patched.body.status).toEqual({ phase: 'Ready', ready: true })
    const wrong = await api.call('PATCH', `${url}/status`, { status: { ready: 'yes', readdy: 1 } }, merge)
    expect(wrong.code).toBe(422)
    expect((await api.call('GET', `${url}/status`)).body.status).toEqual({ phase: 'Ready', ready: true })
  })
})

const merge = { 'content-type': 'application/merge-patch+json' }
const jsonPatch = { 'content-type': 'application/json-patch+json' }

describe('patch', () => {
  it('merges', async () => {
    await api.call('POST', WIDGETS, widget('p', { size: 3, parts: [{ name: 'x' }], tags: { a: '1', b: '2' } }))
    const { code, body } = await api.call(
      'PATCH',
      `${WIDGETS}/p`,
      { spec: { tags: { a: null, c: '3' }, parts: [] } },
      merge,
    )
    expect([code, body.spec]).toEqual([200, { size: 3, color: 'red', parts: [], tags: { b: '2', c: '3' } }])
  })

  it('applies JSON patches, all or nothing', async () => {
    const url = `${WIDGETS}/p`
    const ok = await api.call(
      'PATCH',
      url,
      [
        { op: 'test', path: '/spec/size', value: 3 },
        { op: 'replace', path: '/spec/size', value: 8 },
        { op: 'add', path: '/spec/parts/-', value: { name: 'y' } },
      ],
      jsonPatch,
    )
    expect([ok.code, ok.body.spec.size, ok.body.spec.parts]).toEqual([200, 8, [{ name: 'y' }]])
    const failed = await api.call(
      'PATCH',
      url,
      [
        { op: 'replace', path: '/spec/size', value: 9 },
        { op: 'test', path: '/spec/size', value: 3 },
      ],
      jsonPatch,
    )
    expect(failed.code).toBe(422)
    expect((await api.call('GET', url)).body.spec.size).toBe(8)
    expect((await api.call('PATCH', url, { op: 'add' }, jsonPatch)).code).toBe(400)
  })

  it('merges strategically for core kinds only', async () => {
    const type = { 'content-type': 'application/strategic-merge-patch+json' }
    const notes = '/api/v1/namespaces/default/notes'
    await api.call('POST', notes, { metadata: { name: 'n', finalizers: ['a'] }, data: { a: '1' } })
    const { code, body } = await api.call(
      'PATCH',
      `${notes}/n`,
      { data: { b: '2' }, metadata: { finalizers: ['b'], '$setElementOrder/finalizers': ['b', 'a'] } },
      type,
    )
    expect([code, body.data, body.metadata.finalizers]).toEqual([200, { a: '1', b: '2' }, ['b', 'a']])
    const widgets = await api.call('PATCH', `${WIDGETS}/p`, { spec: { size: 1 } }, type)
    expect([widgets.code, widgets.body.reason]).toEqual([415, 'UnsupportedMediaType'])
  })

  it('refuses a stale resourceVersion in a patch', async () => {
    const { code } = await api.call('PATCH', `${WIDGETS}/p`, { metadata: { resourceVersion: '1' } }, merge)
    expect(code).toBe(409)
  })
})

describe('delete', () => {
  it('removes at once what nothing holds', async () => {
    const made = (await api.call('POST', WIDGETS, widget('d'))).body
    const { code, body } = await api.call('DELETE', `${WIDGETS}/d`, { propagationPolicy: 'Background' })
    expect([code, body.status, body.details]).toEqual([
      200,
      'Success',
      { name: 'd', group: 'test.berth', kind: 'widgets', uid: made.metadata.uid },
    ])
    expect((await api.call('GET', `${WIDGETS}/d`)).code).toBe(404)
    expect((await api.call('DELETE', `${WIDGETS}/d`)).code).toBe(404)
  })

  it('waits for finalizers', async () => {
    const url = `${WIDGETS}/f`
    await api.call('POST', WIDGETS, widget('f', { size: 1 }, { finalizers: ['berth/x'] }))
    const first = (await api.call('DELETE', url)).body
    expect(first.metadata.deletionTimestamp).toBeDefined()
    expect(first.metadata.generation).toBe(2)
    expect((await api.call('DELETE', url)).body.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
    const added = await api.call('PATCH', url, { metadata: { finalizers: ['berth/x', 'berth/y'] } }, merge)
    expect([added.code, causes(added.body)[0]]).toEqual([422, expect.stringContaining('metadata.finalizers')])
    expect((await api.call('PATCH', url, { metadata: { finalizers: null } }, merge)).code).toBe(200)
    expect((await api.call('GET', url)).code).toBe(404)
  })

  it.each([
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ])('leaves %s to the garbage collector', async (propagationPolicy, finalizer) => {
    const name = finalizer.toLowerCase()
    await api.call('POST', WIDGETS, widget(name))
    const { body } = await api.call('DELETE', `${WIDGETS}/${name}?propagationPolicy=${propagationPolicy}`)
    expect(body.metadata.finalizers).toEqual([finalizer])
  })

  it('honours preconditions, dry runs and only known options', async () => {
    const url = `${WIDGETS}/pre`
    const { metadata } = (await api.call('POST', WIDGETS, widget('pre'))).body
    expect((await api.call('DELETE', url, { preconditions: { uid: 'x' } })).code).toBe(409)
    expect((await api.call('DELETE', url, { preconditions: { resourceVersion: '1' } })).code).toBe(409)
    expect((await api.call('DELETE', url, { dryRun: ['All'] })).code).toBe(200)
    expect((await api.call('DELETE', url, { propagationPolicy: 'Sideways' })).code).toBe(400)
    expect((await api.call('DELETE', url, { propogationPolicy: 'Orphan' })).code).toBe(400)
    expect((await api.call('DELETE', url, { preconditions: { uid: metadata.uid } })).code).toBe(200)
  })

  it('removes what a selector matches', async () => {
    for (const name of ['c1', 'c2', 'c3'])
      await api.call('POST', WIDGETS, widget(name, { size: 1 }, { labels: { set: name === 'c3' ? 'no' : 'yes' } }))
    const { code, body } = await api.call('DELETE', `${WIDGETS}?labelSelector=set%3Dyes`)
    expect([code, body.items.map((item: { metadata: { name: string } }) => item.metadata.name)]).toEqual([
      200,
      ['c1', 'c2'],
    ])
    expect((await api.call('GET', `${WIDGETS}/c3`)).code).toBe(200)
    expect((await api.call('GET', `${WIDGETS}/c1`)).code).toBe(404)
  })
})

describe('versions', () => {
  it('shows and takes each object in each version', async () => {
    const beta = WIDGETS.replace('/v1/', '/v1beta1/')
    const made = await api.call('POST', beta, { metadata: { name: 'ver' }, spec: { bigness: 7 } })
    expect([made.code, made.body.apiVersion, made.body.spec.bigness]).toEqual([201, 'test.berth/v1beta1', 7])
    const stored = (await api.call('GET', `${WIDGETS}/ver`)).body
    expect([stored.apiVersion, stored.spec]).toEqual(['test.berth/v1', { size: 7, color: 'red' }])
    const patched = await api.call('PATCH', `${beta}/ver`, { spec: { bigness: 8 } }, merge)
    expect([patched.body.spec.bigness, patched.body.metadata.generation]).toEqual([8, 2])
    const wrong = await api.call('PATCH', `${beta}/ver`, { spec: { size: 8 } }, merge)
    expect(causes(wrong.body)).toEqual(['spec.size: unknown field'])
    const status = await api.call('PATCH', `${beta}/ver/status`, { status: { phase: 'B' } }, merge)
    expect([status.body.apiVersion, status.body.status.phase]).toEqual(['test.berth/v1beta1', 'B'])
  })
})
