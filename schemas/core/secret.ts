// core/v1 Secret: values in base64 under `data`; `stringData` is a way to write them as plain text and is never kept.
import type { KubeObject } from '../../lib/object.ts'
import { AGE, column } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { SECRET_RULES } from './secret-rules.ts'
import { Fields, type Secret } from './secret-schema.ts'

/** Moves `stringData` into `data`, where it wins over a value of the same key. What the schema will refuse stays where it is. */
function foldStringData(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object as Secret & { readonly stringData?: unknown }
  const { data = {} } = rest
  if (!isTextMap(stringData) || !isTextMap(data)) return object
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')])
  const folded: Secret = { ...rest, data: { ...data, ...Object.fromEntries(encoded) } }
  return folded
}

const isTextMap = (value: unknown): value is Readonly<Record<string, string>> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((one) => typeof one === 'string')

export const SECRET: KindDef = {
  group: '',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  shortNames: [],
  categories: [],
  namespaced: true,
  resource: 'secrets',
  versions: [
    {
      name: 'v1',
      schema: Fields,
      columns: [column('Type', '.type'), AGE],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: dnsSubdomain,
  rules: SECRET_RULES,
  foldWritten: foldStringData,
  selectableFields: { type: (object) => (object as Secret).type },
  secretFields: ['data', 'stringData'],
}
