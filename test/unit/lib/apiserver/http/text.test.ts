// The small languages of the API: JSON paths, ages, "did you mean".
import { describe, expect, it } from 'vitest'
import { nearest } from '../../../../../lib/apiserver/core/nearest.ts'
import { humanAge, humanDuration } from '../../../../../lib/apiserver/http/age.ts'
import { compileJsonPath } from '../../../../../lib/apiserver/http/jsonpath.ts'

describe('JSON paths', () => {
  const object = {
    metadata: { annotations: { 'a.b/c': 'yes' } },
    list: [
      { type: 'A', on: false, n: 1 },
      { type: 'B', on: true, n: 2 },
    ],
  }
  it.each([
    ['.metadata.annotations', [{ 'a.b/c': 'yes' }]],
    ['.metadata.annotations.a\\.b\\/c', ['yes']],
    [".metadata.annotations['a.b/c']", ['yes']],
    ['.list[0].type', ['A']],
    ['.list[-1].type', ['B']],
    ['.list[*].n', [1, 2]],
    [".list[?(@.type=='B')].n", [2]],
    ['.list[?(@.type=="B")].n', [2]],
    ['.list[?(@.on==true)].type', ['B']],
    ['.list[?(@.n!=1)].type', ['B']],
    ['.absent.deeper', []],
    ['.metadata.constructor', []],
    ['.list.type', []],
  ])('%s', (path, expected) => {
    expect(compileJsonPath(path)(object)).toEqual(expected)
  })

  it.each(['.a[', '.a..b', '.a[?(@.x>1)]', 'a b'])('does not understand %s', (path) => {
    expect(() => compileJsonPath(path)).toThrow('cannot understand')
  })
})

describe('ages', () => {
  const [s, m, h, d] = [1000, 60_000, 3_600_000, 86_400_000]
  it.each([
    [-5 * s, '<invalid>'],
    [-1 * s, '0s'],
    [0, '0s'],
    [119 * s, '119s'],
    [2 * m, '2m'],
    [9 * m + 59 * s, '9m59s'],
    [10 * m + 5 * s, '10m'],
    [179 * m, '179m'],
    [3 * h, '3h'],
    [7 * h + 30 * m, '7h30m'],
    [47 * h, '47h'],
    [2 * d, '2d'],
    [7 * d + 5 * h, '7d5h'],
    [8 * d + 5 * h, '8d'],
    [729 * d, '729d'],
    [730 * d, '2y'],
    [800 * d, '2y70d'],
    [3000 * d, '8y'],
  ])('%d ms', (ms, expected) => {
    expect(humanDuration(ms)).toBe(expected)
  })

  it('needs a time', () => {
    expect(humanAge('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:01:00Z'))).toBe('60s')
    for (const nothing of [undefined, null, '', 'soon', 5]) expect(humanAge(nothing, 0)).toBe('<unknown>')
  })
})

it.each([
  ['corse', 'cores'],
  ['Cores', 'cores'],
  ['memoryy', 'memory'],
  ['zzz', null],
  ['x'.repeat(1000), null],
])('%s is meant to be %s', (wrong, meant) => {
  expect(nearest(wrong, ['cores', 'memory', 'provisioning'])).toBe(meant)
})
