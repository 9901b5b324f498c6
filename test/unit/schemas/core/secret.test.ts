import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../../lib/object.ts'
import {
  immutableStaysSo,
  keysAreValid,
  SECRET_LIMIT,
  secretFits,
  typeIsImmutable,
  valuesAreBase64,
} from '../../../../schemas/core/secret-rules.ts'
import { SECRET, type Secret } from '../../../../schemas/index.ts'
import { admit } from '../../../support/validate.ts'
import { checkRules } from '../expect.ts'
import { metadata } from '../samples.ts'

const secret = (fields: Partial<Secret> = {}): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: metadata('one'),
  type: 'Opaque',
  ...fields,
})
const data = (key: string, value: string) => secret({ data: { [key]: value } })

checkRules<Secret>([
  {
    rule: keysAreValid,
    good: [[secret()], [data('userData', '')], [data('a.b_c-D', '')]],
    bad: ['', 'a b', 'a/b', '.', '..'].map((key) => [data(key, ''), `data[${key}]`, /1 to 253 letters/]),
  },
  {
    rule: valuesAreBase64,
    good: [[secret()], [data('k', '')], [data('k', 'YQ==')], [data('k', 'YWJj\nYWJj\n')]],
    bad: ['a', 'YQ=', '####', 'YQ==YQ=='].map((value) => [data('k', value), 'data[k]', /must be base64/]),
  },
  {
    rule: secretFits,
    good: [[secret()], [data('k', Buffer.alloc(SECRET_LIMIT).toString('base64'))]],
    bad: [[data('k', Buffer.alloc(SECRET_LIMIT + 1).toString('base64')), 'data', /1048576 are allowed/]],
  },
  {
    rule: typeIsImmutable,
    good: [[secret()], [secret(), secret()]],
    bad: [[secret(), 'type', /immutable/, secret({ type: 'other' })]],
  },
  {
    rule: immutableStaysSo,
    good: [
      [secret({ immutable: true }), secret()],
      [secret({ immutable: true }), secret({ immutable: true, data: {} })],
    ],
    bad: [
      [secret(), 'immutable', /cannot be unset/, secret({ immutable: true })],
      [
        secret({ immutable: true, data: { a: 'YQ==' } }),
        'data',
        /cannot be changed while immutable/,
        secret({ immutable: true }),
      ],
    ],
  },
])

describe('stringData', () => {
  const fold = (fields: object) => SECRET.foldWritten?.({ ...secret(), ...fields } as KubeObject) as Secret

  it('goes into data and wins there', () => {
    const folded = fold({ data: { a: 'YQ==', b: 'Yg==' }, stringData: { b: 'né', c: '' } })
    expect(folded.data).toEqual({ a: 'YQ==', b: 'bsOp', c: '' })
    expect(folded).not.toHaveProperty('stringData')
  })

  it.each([{ stringData: { a: {} } }, { stringData: 'a' }, { stringData: { a: 'b' }, data: 'c' }])(
    'stays where it is when it is none: %j',
    (fields) => expect(fold(fields)).toEqual({ ...secret(), ...fields }),
  )

  it('may be absent', () => {
    const plain = secret({ data: { a: 'YQ==' } })
    expect(SECRET.foldWritten?.(plain)).toBe(plain)
  })

  it('is checked like data, and no message holds a value', () => {
    const { errors } = admit(SECRET, { ...secret({ data: { k: 'h3cret!' } }), stringData: { 'bad key': 'h3cret' } })
    expect(errors.map(({ path }) => path)).toEqual(['data[bad key]', 'data[k]'])
    expect(JSON.stringify(errors)).not.toContain('h3cret')
  })

  it('has the type Opaque unless another is named', () => {
    const { type: _, ...untyped } = secret()
    expect(admit(SECRET, untyped).object).toMatchObject({ type: 'Opaque' })
  })
})
