// Lines, near words, answers that say no: the pure parts of the client.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Catalog } from '../../../../lib/client/discovery.ts'
import { answerError, UnreachableError } from '../../../../lib/client/errors.ts'
import { splitLines } from '../../../../lib/client/lines.ts'
import { distance, nearest } from '../../../../lib/client/nearest.ts'
import { pathOf, type ResourceInfo } from '../../../../lib/client/paths.ts'
import { readTable } from '../../../../lib/client/tables.ts'

async function* chunksOf(bytes: Uint8Array, cuts: readonly number[]): AsyncIterable<Uint8Array> {
  let from = 0
  for (const cut of [...cuts.map((c) => c % (bytes.length + 1))].sort((a, b) => a - b)) {
    yield bytes.subarray(from, cut)
    from = cut
  }
  yield bytes.subarray(from)
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

describe('lines', () => {
  it('are the same however the bytes are cut', async () => {
    const bytes = Buffer.from('{"a":"ü…"}\n\n{"b":2}\r\n{"c":3}')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 6 }), async (cuts) => {
        expect(await collect(splitLines(chunksOf(bytes, cuts)))).toEqual(['{"a":"ü…"}', '{"b":2}', '{"c":3}'])
      }),
    )
  })

  it('have a longest', async () => {
    await expect(collect(splitLines(chunksOf(Buffer.alloc(30, 'x'), [10, 20]), 16))).rejects.toMatchObject({
      reason: 'RequestEntityTooLarge',
    })
  })
})

describe('near words', () => {
  it.each([
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['', 'ab', 2],
    ['kitten', 'sitting', 3],
  ])('%s to %s are %i edits', (a, b, edits) => expect(distance(a, b)).toBe(edits))

  it('come nearest first, and far ones not at all', () => {
    expect(nearest('virtualdisc', ['virtualdisk', 'virtualimage', 'node'])).toEqual(['virtualdisk'])
    expect(nearest('zzzzzz', ['virtualdisk'])).toEqual([])
  })
})

const kind = (more: Partial<ResourceInfo>): ResourceInfo => ({
  group: 'g.io',
  version: 'v1',
  plural: 'things',
  singular: 'thing',
  kind: 'Thing',
  namespaced: true,
  shortNames: ['th'],
  categories: [],
  verbs: ['get'],
  ...more,
})

describe('kinds', () => {
  const catalog = new Catalog([
    kind({ version: 'v2' }),
    kind({}),
    kind({ kind: 'Old', plural: 'olds', singular: 'old', shortNames: [] }),
  ])

  it.each(['th', 'thing', 'THINGS', 'things.g.io', 'thing.g.io', 'things.v2.g.io'])(
    '%s is found, in the preferred version',
    (word) => {
      expect(catalog.resolve(word)).toMatchObject({ kind: 'Thing', version: 'v2' })
    },
  )

  it('an object’s own version counts', () => {
    expect(catalog.ofObject('g.io/v1', 'Thing').version).toBe('v1')
    expect(() => catalog.ofObject('g.io/v9', 'Thing')).toThrow(
      'no kind Thing in g.io/v9; it has it in g.io/v2, g.io/v1',
    )
    expect(() => catalog.resolve('thign')).toThrow('did you mean thing?')
    expect(() => catalog.resolve('xyzxyz')).toThrow('see `berth api-resources`')
  })

  it('paths are encoded and know the scope', () => {
    expect(pathOf(kind({}), { namespace: 'a b', name: '../x' })).toBe('/apis/g.io/v1/namespaces/a%20b/things/..%2Fx')
    expect(pathOf(kind({ group: '', namespaced: false }), { namespace: 'a', name: 'n', subresource: 'status' })).toBe(
      '/api/v1/things/n/status',
    )
    expect(pathOf(kind({}), {})).toBe('/apis/g.io/v1/things')
  })
})

describe('answers', () => {
  it('a Status keeps its reason, words and fields', () => {
    const causes = [
      { field: 'spec.a', reason: 'FieldValueRequired', message: 'is missing' },
      { field: 7, reason: 'Odd', message: 'm' },
      'junk',
    ]
    const error = answerError(
      422,
      JSON.stringify({ kind: 'Status', reason: 'Invalid', message: 'no', details: { kind: 'K', name: 'n', causes } }),
    )
    expect(error).toMatchObject({ reason: 'Invalid', message: 'no', details: { kind: 'K', name: 'n' } })
    expect(error.details.causes).toEqual([
      { path: 'spec.a', reason: 'FieldValueRequired', message: 'is missing' },
      { path: '', reason: 'FieldValueInvalid', message: 'm' },
    ])
  })

  it.each([
    [409, 'AlreadyExists', 'AlreadyExists'],
    [409, undefined, 'Conflict'],
    [418, undefined, 'BadRequest'],
    [502, undefined, 'InternalError'],
    [503, 'constructor', 'ServiceUnavailable'],
  ])('%i with reason %s is %s', (code, reason, expected) => {
    expect(answerError(code, JSON.stringify({ kind: 'Status', reason })).reason).toBe(expected)
  })

  it.each(['', '<html>', '[]', 'null'])('%j is told by its number', (body) => {
    expect(answerError(404, body)).toMatchObject({ reason: 'NotFound', message: 'the server answered 404' })
  })

  it('no answer is told in words', () => {
    const refused = new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })])
    expect(new UnreachableError('https://h', refused).message).toBe(
      'no connection to https://h: the connection was refused',
    )
    expect(new UnreachableError('https://h', new Error('odd')).message).toBe('no connection to https://h: odd')
  })

  it('a table is read with whatever is missing, and nothing else is taken for one', () => {
    expect(
      readTable({
        kind: 'Table',
        columnDefinitions: [{ name: 'A' }, 4],
        rows: [{ cells: [1], object: { metadata: { name: 'n' } } }, null],
      }),
    ).toEqual({
      columns: [{ name: 'A', type: '', priority: 0 }],
      rows: [
        { cells: [1], namespace: '', name: 'n', uid: '' },
        { cells: [], namespace: '', name: '', uid: '' },
      ],
      resourceVersion: '',
    })
    expect(() => readTable({ kind: 'List' })).toThrow('did not answer with a table')
  })
})
