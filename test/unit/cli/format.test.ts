// Columns, durations, manifests, fields of errors: the small pure parts.
import { describe, expect, it } from 'vitest'
import { age, parseDuration } from '../../../cli/duration.ts'
import { failureLines } from '../../../cli/failure.ts'
import { align, line, widths } from '../../../cli/format/columns.ts'
import { manyLines, oneLine } from '../../../cli/format/text.ts'
import { parseManifests } from '../../../cli/manifests.ts'
import { UsageError } from '../../../cli/usage.ts'
import { ApiError } from '../../../lib/errors.ts'

describe('columns', () => {
  it('are as wide as their widest cell, with nothing after the last', () => {
    expect(
      align([
        ['A', 'LONG', ''],
        ['wide', 'b', 'c'],
        ['ü', '', 'd'],
      ]),
    ).toEqual(['A      LONG', 'wide   b      c', 'ü             d'])
  })

  it('keep their width when colours add bytes, and never shrink', () => {
    const sized = widths([['ab', 'c']], [5])
    expect(sized).toEqual([5, 1])
    expect(line(['ab', 'c'], sized, (cell, index) => (index === 0 ? `<${cell}>` : cell))).toBe('<ab>      c')
  })
})

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['7', 7_000],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it.each(['', '0', '-1s', '1d', '5 m', '25h', 'm', '1e3'])('%j is refused', (text) => {
    expect(() => parseDuration(text)).toThrow(UsageError)
  })

  it.each([
    [0, '0s'],
    [-5_000, '0s'],
    [119_000, '119s'],
    [200_000, '3m20s'],
    [600_000, '10m'],
    [3 * 3_600_000, '3h'],
    [5 * 3_600_000 + 600_000, '5h10m'],
    [47 * 3_600_000, '47h'],
    [76 * 3_600_000, '3d4h'],
    [100 * 86_400_000, '100d'],
    [800 * 86_400_000, '2y70d'],
  ])('%i ms are %s', (ms, text) => expect(age(ms)).toBe(text))
})

describe('manifests', () => {
  it('have the file and the line where they begin', () => {
    const text =
      '# first\nkind: A\napiVersion: v1\nmetadata: {name: a}\n---\n---\nkind: B\napiVersion: v1\nmetadata: {generateName: b-}\n'
    expect(parseManifests(text, 'f').map(({ source }) => source)).toEqual(['f:2', 'f:7'])
  })

  it.each([
    ['kind: A', 'apiVersion: required'],
    ['apiVersion: v1', 'kind: required'],
    ['{apiVersion: v1, kind: A}', 'metadata: required'],
    ['{apiVersion: v1, kind: A, metadata: {}}', 'metadata.name: required'],
    ['{apiVersion: v1, kind: A, metadata: {name: 5}}', 'metadata.name: must be a string'],
    ['- a', 'not an object'],
    ['a: [', 'not YAML'],
    ['a: 1\na: 2', 'not YAML'],
    ['a: *nowhere', 'Unresolved alias'],
  ])('%j is an error: %s', (text, words) => {
    expect(parseManifests(text, 'f')).toEqual(
      [{ source: 'f:1', error: expect.stringContaining(words) }].map((want) =>
        expect.objectContaining({ error: want.error }),
      ),
    )
  })

  it('a bomb of aliases is refused', () => {
    const levels = Array.from(
      { length: 12 },
      (_, index) => `l${index + 1}: &l${index + 1} [${Array(9).fill(`*l${index}`).join(', ')}]`,
    )
    expect(parseManifests(`l0: &l0 [x]\n${levels.join('\n')}\n`, 'f')).toEqual([
      { source: 'f:1', error: expect.stringContaining('alias') },
    ])
  })
})

describe('text for a terminal', () => {
  it('has no control characters and no direction marks', () => {
    expect(oneLine('a\u001b[2Jb\nc\u202ed\u0007')).toBe('a\\u001b[2Jb c\\u202ed\\u0007')
    expect(manyLines('a\r\nb\tc\u009b1m')).toBe('a\nb\tc\\u009b1m')
  })
})

describe('errors', () => {
  const causes = [
    { path: 'spec.a', reason: 'FieldValueInvalid', message: 'is odd' },
    { path: 'spec.b', reason: 'FieldValueRequired', message: 'is missing' },
  ] as const

  it('several fields are one per line', () => {
    const error = new ApiError('Invalid', 'VM "x" is invalid: [spec.a: is odd, spec.b: is missing]', { causes })
    expect(failureLines(error)).toEqual(['VM "x" is invalid', '  spec.a: is odd', '  spec.b: is missing'])
  })

  it('one field stays in the message, and is added where the message has it not', () => {
    const one = causes.slice(0, 1)
    expect(failureLines(new ApiError('Invalid', 'bad: spec.a: is odd', { causes: one }))).toEqual([
      'bad: spec.a: is odd',
    ])
    expect(failureLines(new ApiError('Invalid', 'bad', { causes: one }))).toEqual(['bad', '  spec.a: is odd'])
  })
})
