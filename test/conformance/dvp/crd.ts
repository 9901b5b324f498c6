// Reading of DVP's CRD facts, and the flat form in which schemas are compared.
import { readFileSync } from 'node:fs'

export interface CrdColumn {
  readonly name: string
  readonly type: string
  readonly jsonPath: string
  readonly priority?: number
}

export interface CrdVersion {
  readonly name: string
  readonly additionalPrinterColumns: readonly CrdColumn[]
  readonly schema: { readonly openAPIV3Schema: Json }
  readonly subresources?: { readonly status?: object }
}

export interface Crd {
  readonly group: string
  readonly scope: 'Namespaced' | 'Cluster'
  readonly names: {
    readonly kind: string
    readonly plural: string
    readonly singular: string
    readonly shortNames: readonly string[]
    readonly categories: readonly string[]
  }
  readonly versions: readonly CrdVersion[]
}

export type Json = { readonly [key: string]: unknown }

const FIXTURES = new URL('../../fixtures/dvp-api/', import.meta.url)

export const readCrd = (plural: string): Crd => JSON.parse(readFileSync(new URL(`${plural}.json`, FIXTURES), 'utf8'))

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Keywords that hold schemas of their own. */
const NESTED = ['properties', 'items', 'additionalProperties']
/** CEL rules are functions in Berth, with tests of their own. */
const ELSEWHERE = ['x-kubernetes-validations']
/** Lists whose order means nothing. */
const SETS = ['required', 'enum']

/** Every fact of a schema as `path keyword` -> value. */
export function facts(schema: unknown, path = ''): Map<string, string> {
  const found = new Map<string, string>()
  if (!isJson(schema)) return found
  for (const [keyword, value] of Object.entries(schema)) {
    if (NESTED.includes(keyword) || ELSEWHERE.includes(keyword)) continue
    const plain = SETS.includes(keyword) && Array.isArray(value) ? [...value].sort() : value
    found.set(`${path} ${keyword}`, JSON.stringify(sorted(plain)))
  }
  const nested: [string, unknown][] = [
    ...Object.entries(isJson(schema.properties) ? schema.properties : {}).map(([name, of]): [string, unknown] => [
      path === '' ? name : `${path}.${name}`,
      of,
    ]),
    [`${path}[]`, schema.items],
    [`${path}{}`, schema.additionalProperties],
  ]
  for (const [at, of] of nested) for (const [key, value] of facts(of, at)) found.set(key, value)
  return found
}

/** The value with the keys of its objects in order, and without empty schemas, which say nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isJson(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => !isJson(item) || Object.keys(item).length > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  )
}

/** The CEL rules of a schema as `path` -> rules. */
export function celRules(schema: unknown, path = ''): readonly { readonly path: string; readonly rule: string }[] {
  if (!isJson(schema)) return []
  const own = schema['x-kubernetes-validations']
  const rules = Array.isArray(own) ? own.map((each: Json) => ({ path, rule: String(each.rule) })) : []
  const properties = isJson(schema.properties) ? Object.entries(schema.properties) : []
  return [
    ...rules,
    ...properties.flatMap(([name, of]) => celRules(of, path === '' ? name : `${path}.${name}`)),
    ...celRules(schema.items, `${path}[]`),
  ]
}
