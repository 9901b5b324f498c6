import { describe, expect, it } from 'vitest'
import {
  binaryIsBase64,
  CONFIG_MAP,
  type ConfigMap,
  configMapFits,
  immutableStaysSo,
  keysAreUnique,
  keysAreValid,
} from '../../../../schemas/core/configmap.ts'
import { DATA_LIMIT } from '../../../../schemas/core/data-rules.ts'
import { admit } from '../../../support/validate.ts'
import { checkRules } from '../expect.ts'
import { metadata } from '../samples.ts'

const map = (fields: Partial<ConfigMap> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadata('one'),
  ...fields,
})

checkRules<ConfigMap>([
  {
    rule: keysAreValid,
    good: [[map()], [map({ data: { 'a.b_c-D': '' }, binaryData: { e: '' } })]],
    bad: [
      [map({ data: { 'a b': '' } }), 'data[a b]', /1 to 253 letters/],
      [map({ binaryData: { '..': '' } }), 'binaryData[..]', /1 to 253 letters/],
    ],
  },
  {
    rule: keysAreUnique,
    good: [[map()], [map({ data: { a: '' }, binaryData: { b: '' } })]],
    bad: [[map({ data: { a: '' }, binaryData: { a: '' } }), 'binaryData[a]', /in data already/]],
  },
  {
    rule: binaryIsBase64,
    good: [[map()], [map({ data: { a: '%' }, binaryData: { b: 'YQ==' } })]],
    bad: [[map({ binaryData: { b: '%' } }), 'binaryData[b]', /must be base64/]],
  },
  {
    rule: configMapFits,
    good: [[map()], [map({ data: { a: 'x'.repeat(DATA_LIMIT) } })]],
    bad: [[map({ data: { a: 'x'.repeat(DATA_LIMIT) }, binaryData: { b: 'YQ==' } }), 'data', /1048576 are allowed/]],
  },
  {
    rule: immutableStaysSo,
    good: [
      [map({ immutable: true }), map()],
      [map({ immutable: true, data: {} }), map({ immutable: true })],
    ],
    bad: [
      [map(), 'immutable', /cannot be unset/, map({ immutable: true })],
      [map({ immutable: true, data: { a: '1' } }), 'data', /cannot be changed/, map({ immutable: true })],
      [map({ immutable: true, binaryData: { a: '' } }), 'binaryData', /cannot be changed/, map({ immutable: true })],
    ],
  },
])

describe('a ConfigMap', () => {
  it('holds texts only', () => {
    const { errors } = admit(CONFIG_MAP, { ...map(), data: { a: 1 } })
    expect(errors.map(({ path }) => path)).toEqual(['data.a'])
  })
})
