import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duplicateFields } from '../../../../../lib/apiserver/http/duplicate-fields.ts'
import { runs } from '../../../../support/fuzz.ts'
import { startServer, type TestServer, WIDGETS, widget } from '../server.ts'

describe('fields that are named twice', () => {
  it.each([
    ['{"a":1,"a":2}', ['a']],
    ['{"a":{"b":1,"c":2,"b":3}}', ['a.b']],
    ['{"a":[{"b":1},{"b":1,"b":1}]}', ['a[1].b']],
    ['[1,[2,{"b":1,"b":1}]]', ['[1][1].b']],
    ['{"a":1,"\\u0061":2}', ['a']],
    ['{"a\\"":1,"a\\"":2}', ['[a"]']],
    ['{"x/y":1, "x/y" : 2}', ['[x/y]']],
    ['{"a":1,"a":2,"a":3}', ['a']],
    ['{"a":{"a":{"a":1}}}', []],
    ['{"a":"a","b":"\\"a\\":1,\\"a\\":2","c":["a","a"]}', []],
    ['{"a":"\\\\","b":"a"}', []],
    ['{"a":[{}],"b":[[]]}', []],
    ['{"a":1,"a', []],
    ['', []],
  ])('%s', (text, paths) => expect(duplicateFields(text)).toEqual(paths))

  it('are none in what a program prints, and found wherever one is put', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value, null, 1)
        expect(duplicateFields(text)).toEqual([])
        expect(duplicateFields(`{"k":${text},"l":[${text}],"k":${text}}`)).toEqual(['k'])
      }),
      runs(200),
    )
  })
})

describe('the API', () => {
  let api: TestServer
  beforeAll(async () => {
    api = await startServer()
  })
  afterAll(() => api.stop())
  const twice = (name: string) => JSON.stringify(widget(name)).replace('"size":3', '"size":3,"size":4')

  it('refuses them', async () => {
    const { code, body } = await api.call('POST', WIDGETS, twice('a'))
    expect([code, body.reason, body.message]).toEqual([400, 'BadRequest', 'json: duplicate field "spec.size"'])
  })

  it('warns of them, or takes the last one in silence, when told so', async () => {
    const warned = await api.call('POST', `${WIDGETS}?fieldValidation=Warn`, twice('b'))
    expect([warned.code, warned.body.spec.size]).toEqual([201, 4])
    expect(warned.headers.warning).toBe('299 - "duplicate field \\"spec.size\\""')
    const silent = await api.call('POST', `${WIDGETS}?fieldValidation=Ignore`, twice('c'))
    expect([silent.code, silent.headers.warning]).toEqual([201, undefined])
  })

  it('refuses them in updates and patches', async () => {
    expect((await api.call('PUT', `${WIDGETS}/b`, twice('b'))).code).toBe(400)
    const merge = { 'content-type': 'application/merge-patch+json' }
    expect((await api.call('PATCH', `${WIDGETS}/b`, '{"spec":{"size":5,"size":6}}', merge)).code).toBe(400)
    const json = { 'content-type': 'application/json-patch+json' }
    const patch = '[{"op":"replace","path":"/spec/size","value":5,"value":6}]'
    expect((await api.call('PATCH', `${WIDGETS}/b`, patch, json)).body.message).toBe(
      'json: duplicate field "[0].value"',
    )
  })
})
