// What Secrets and ConfigMaps have in common: keys, size, and immutability without a way back (Kubernetes' own rules).
import { isDeepStrictEqual } from 'node:util'
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, invalid, tooLong, when } from '../errors.ts'

/** Bytes of all values of one object together. */
export const DATA_LIMIT = 1 << 20

const KEY = /^[-._a-zA-Z0-9]+$/
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

export type Values = Readonly<Record<string, string>>

export const keyErrors = (field: string, values: Values = {}): readonly FieldError[] =>
  Object.keys(values).flatMap((key) =>
    when(!KEY.test(key) || key.length > 253 || key === '.' || key === '..', () =>
      invalid(`${field}[${key.slice(0, 253)}]`, 'a key has 1 to 253 letters, digits, "-", "_" or "."'),
    ),
  )

export const isBase64 = (text: string): boolean => {
  const compact = text.replace(/[\r\n]/g, '')
  return compact.length % 4 === 0 && BASE64.test(compact)
}

export const sizeErrors = (bytes: number): readonly FieldError[] =>
  when(bytes > DATA_LIMIT, () => tooLong('data', `has ${bytes} bytes, ${DATA_LIMIT} are allowed`))

/** Bytes of values in base64. */
export const decodedBytes = (values: Values = {}): number =>
  Object.values(values).reduce((sum, value) => sum + Buffer.byteLength(value, 'base64'), 0)

interface Immutable {
  readonly immutable?: boolean
}

/** `immutable` is a way in without a way back: the fields of data are then as they are. */
export function immutableErrors<T extends Immutable>(
  object: T,
  old: T | null,
  fields: readonly (keyof T & string)[],
): readonly FieldError[] {
  if (old?.immutable !== true) return []
  return [
    ...when(object.immutable !== true, () => forbidden('immutable', 'cannot be unset once it is true')),
    ...fields.flatMap((field) =>
      when(!isDeepStrictEqual(object[field] ?? {}, old[field] ?? {}), () =>
        forbidden(field, 'cannot be changed while immutable is true'),
      ),
    ),
  ]
}
