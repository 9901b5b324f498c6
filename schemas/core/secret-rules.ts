// What is wrong with a Secret beyond its schema (Kubernetes' own rules). Messages never hold a value.
import { isDeepStrictEqual } from 'node:util'
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, invalid, ruleOf, tooLong, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import type { Secret } from './secret.ts'

type Check = (secret: Secret, old: Secret | null) => readonly FieldError[]

/** Bytes of all values together. */
export const SECRET_LIMIT = 1 << 20

const KEY = /^[-._a-zA-Z0-9]+$/
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

const entriesOf = ({ data = {} }: Secret) => Object.entries(data)

export const keysAreValid: Check = (secret) =>
  entriesOf(secret).flatMap(([key]) =>
    when(!KEY.test(key) || key.length > 253 || key === '.' || key === '..', () =>
      invalid(`data[${key.slice(0, 253)}]`, 'a key has 1 to 253 letters, digits, "-", "_" or "."'),
    ),
  )

export const valuesAreBase64: Check = (secret) =>
  entriesOf(secret).flatMap(([key, value]) =>
    when(!isBase64(value), () => invalid(`data[${key}]`, 'the value must be base64; plain text goes into stringData')),
  )

const isBase64 = (text: string): boolean => {
  const compact = text.replace(/[\r\n]/g, '')
  return compact.length % 4 === 0 && BASE64.test(compact)
}

export const secretFits: Check = (secret) => {
  const bytes = entriesOf(secret).reduce((sum, [, value]) => sum + Buffer.byteLength(value, 'base64'), 0)
  return when(bytes > SECRET_LIMIT, () => tooLong('data', `has ${bytes} bytes, ${SECRET_LIMIT} are allowed`))
}

export const typeIsImmutable: Check = (secret, old) =>
  when(old !== null && secret.type !== old.type, () => forbidden('type', 'is immutable'))

/** `immutable` is a way in without a way back. */
export const immutableStaysSo: Check = (secret, old) => {
  if (old?.immutable !== true) return []
  return [
    ...when(secret.immutable !== true, () => forbidden('immutable', 'cannot be unset once it is true')),
    ...when(!isDeepStrictEqual(secret.data ?? {}, old.data ?? {}), () =>
      forbidden('data', 'cannot be changed while immutable is true'),
    ),
  ]
}

export const SECRET_RULES: readonly Rule[] = [
  keysAreValid,
  valuesAreBase64,
  secretFits,
  typeIsImmutable,
  immutableStaysSo,
].map(ruleOf)
