// What is wrong with a Secret beyond its schema (Kubernetes' own rules). Messages never hold a value.
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, invalid, ruleOf, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import { DATA_LIMIT, decodedBytes, immutableErrors, isBase64, keyErrors, sizeErrors } from './data-rules.ts'
import type { Secret } from './secret-schema.ts'

type Check = (secret: Secret, old: Secret | null) => readonly FieldError[]

/** Bytes of all values together. */
export const SECRET_LIMIT = DATA_LIMIT

export const keysAreValid: Check = ({ data }) => keyErrors('data', data)

export const valuesAreBase64: Check = ({ data = {} }) =>
  Object.entries(data).flatMap(([key, value]) =>
    when(!isBase64(value), () => invalid(`data[${key}]`, 'the value must be base64; plain text goes into stringData')),
  )

export const secretFits: Check = ({ data }) => sizeErrors(decodedBytes(data))

export const typeIsImmutable: Check = (secret, old) =>
  when(old !== null && secret.type !== old.type, () => forbidden('type', 'is immutable'))

export const immutableStaysSo: Check = (secret, old) => immutableErrors(secret, old, ['data'])

export const SECRET_RULES: readonly Rule[] = [
  keysAreValid,
  valuesAreBase64,
  secretFits,
  typeIsImmutable,
  immutableStaysSo,
].map(ruleOf)
