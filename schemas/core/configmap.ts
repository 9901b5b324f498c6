// core/v1 ConfigMap: plain text under `data`, base64 under `binaryData`. No controller acts on it; it is data for people and programs.
import Type from 'typebox'
import type { FieldError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { AGE } from '../columns.ts'
import { invalid, ruleOf, when } from '../errors.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { StringMap } from '../shapes.ts'
import { decodedBytes, immutableErrors, isBase64, keyErrors, sizeErrors } from './data-rules.ts'

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
  /** Base64 by key. */
  readonly binaryData?: Readonly<Record<string, string>>
  readonly immutable?: boolean
}

type Check = (map: ConfigMap, old: ConfigMap | null) => readonly FieldError[]

export const keysAreValid: Check = ({ data, binaryData }) => [
  ...keyErrors('data', data),
  ...keyErrors('binaryData', binaryData),
]

export const keysAreUnique: Check = ({ data = {}, binaryData = {} }) =>
  Object.keys(binaryData).flatMap((key) =>
    when(Object.hasOwn(data, key), () => invalid(`binaryData[${key}]`, 'the key is in data already')),
  )

export const binaryIsBase64: Check = ({ binaryData = {} }) =>
  Object.entries(binaryData).flatMap(([key, value]) =>
    when(!isBase64(value), () => invalid(`binaryData[${key}]`, 'the value must be base64; plain text goes into data')),
  )

export const configMapFits: Check = ({ data = {}, binaryData }) =>
  sizeErrors(Object.values(data).reduce((sum, value) => sum + Buffer.byteLength(value), 0) + decodedBytes(binaryData))

export const immutableStaysSo: Check = (map, old) => immutableErrors(map, old, ['data', 'binaryData'])

export const CONFIG_MAP: KindDef = {
  group: '',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  categories: [],
  namespaced: true,
  resource: 'configmaps',
  versions: [
    {
      name: 'v1',
      schema: Type.Object({
        data: Type.Optional(StringMap()),
        binaryData: Type.Optional(StringMap()),
        immutable: Type.Optional(Type.Boolean()),
      }),
      columns: [AGE],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: dnsSubdomain,
  rules: [keysAreValid, keysAreUnique, binaryIsBase64, configMapFits, immutableStaysSo].map(ruleOf),
}
