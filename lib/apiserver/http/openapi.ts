// OpenAPI v3: an index and one document per group version, made from the kinds' schemas (what `kubectl explain` and its validation read).
import { createHash } from 'node:crypto'
import { isRecord, type JsonObject } from '../core/json.ts'
import { METADATA_SCHEMA } from '../core/metadata-schema.ts'
import { objectSchema } from '../core/schema.ts'
import { apiVersionOf, type Registry, type ServedKind } from '../registry.ts'
import { patchTypes } from './patch-body.ts'
import { noSuchPath } from './path.ts'

/** Content type under which an empty `/openapi/v2` satisfies the kubectl versions that still ask for it. */
export const OPENAPI_V2_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

/** Documents are made at first use and kept. */
export class OpenApi {
  readonly #registry: Registry
  readonly #virtual: Registry
  readonly #version: string
  readonly #documents = new Map<string, string>()

  /** @param virtual kinds that can only be posted */
  constructor(registry: Registry, virtual: Registry, version: string) {
    this.#registry = registry
    this.#virtual = virtual
    this.#version = version
  }

  /** `/openapi/v3` */
  index(): JsonObject {
    const groups = new Set(['', ...this.#registry.groups(), ...this.#virtual.groups()])
    const paths = [...groups].flatMap((group) =>
      [...new Set([...this.#registry.versions(group), ...this.#virtual.versions(group)])].map((version) => {
        const path = group === '' ? `api/${version}` : `apis/${group}/${version}`
        const hash = createHash('sha256').update(this.document(group, version)).digest('hex').slice(0, 32)
        return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const
      }),
    )
    return { paths: Object.fromEntries(paths) }
  }

  /** `/openapi/v3/api/v1`, `/openapi/v3/apis/GROUP/VERSION`, as JSON text. @throws ApiError NotFound */
  document(group: string, version: string): string {
    const id = apiVersionOf(group, version)
    const known = this.#documents.get(id)
    if (known !== undefined) return known
    const served = this.#registry.served(group, version)
    const asked = this.#virtual.served(group, version)
    if (served.length + asked.length === 0) throw noSuchPath()
    const text = JSON.stringify({
      openapi: '3.0.0',
      info: { title: 'Berth', version: this.#version },
      paths: Object.assign({}, ...served.map(pathsOf), ...asked.map(questionPaths)),
      components: {
        schemas: Object.assign(
          { [OBJECT_META]: openApiSchema(METADATA_SCHEMA) },
          ...[...served, ...asked].map(schemasOf),
        ),
      },
    })
    this.#documents.set(id, text)
    return text
  }
}

const gvkOf = ({ kind, version }: ServedKind): JsonObject => ({
  group: kind.group,
  kind: kind.kind,
  version: version.name,
})

/** `io.deckhouse.virtualization.v1alpha2.VirtualMachine`, as Kubernetes names the schemas of custom resources. */
const schemaName = ({ kind, version }: ServedKind, suffix = ''): string =>
  [...(kind.group === '' ? ['api', 'core'] : kind.group.split('.').reverse()), version.name, kind.kind + suffix].join(
    '.',
  )

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` })

function schemasOf(served: ServedKind): JsonObject {
  const schema = openApiSchema(objectSchema(served))
  const properties = isRecord(schema.properties) ? schema.properties : {}
  return {
    [schemaName(served)]: {
      ...schema,
      properties: { ...properties, metadata: { allOf: [ref(OBJECT_META)], description: 'Standard metadata.' } },
      'x-kubernetes-group-version-kind': [gvkOf(served)],
    },
    [schemaName(served, 'List')]: {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object' },
        items: { type: 'array', items: ref(schemaName(served)) },
      },
      'x-kubernetes-group-version-kind': [{ ...gvkOf(served), kind: `${served.kind.kind}List` }],
    },
  }
}

/** From JSON Schema 2020 to what OpenAPI 3.0 has: no `const`, no `type` lists, no `$`-keywords. */
function openApiSchema(schema: JsonObject): JsonObject {
  const result: JsonObject = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith('$') || key.startsWith('~')) continue
    if (key === 'const') result.enum = [value]
    else if (key === 'patternProperties' && isRecord(value)) {
      const [first] = Object.values(value)
      if (isRecord(first)) result.additionalProperties = openApiSchema(first)
    } else if (key === 'type' && Array.isArray(value)) {
      result.type = value.find((name) => name !== 'null')
      if (value.includes('null')) result.nullable = true
    } else if (key === 'properties' && isRecord(value))
      result.properties = Object.fromEntries(
        Object.entries(value).map(([name, item]) => [name, isRecord(item) ? openApiSchema(item) : {}]),
      )
    else if (['items', 'additionalProperties', 'not'].includes(key) && isRecord(value))
      result[key] = openApiSchema(value)
    else if (['allOf', 'anyOf', 'oneOf'].includes(key) && Array.isArray(value))
      result[key] = value.filter(isRecord).map(openApiSchema)
    else if (key !== 'if' && key !== 'then' && key !== 'else') result[key] = value
  }
  return result
}

const query = (name: string, type: string, description: string): JsonObject => ({
  name,
  in: 'query',
  description,
  schema: { type },
})

const DRY_RUN = query('dryRun', 'string', 'All: check everything, write nothing.')
const FIELD_VALIDATION = query(
  'fieldValidation',
  'string',
  'What to do with unknown fields: Strict (default), Warn, Ignore.',
)
const FIELD_MANAGER = query('fieldManager', 'string', 'Name of the program that writes.')
const WRITES = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION]
const FORCE = query('force', 'boolean', 'Apply only: take the fields of other managers.')
const LISTS = [
  query('labelSelector', 'string', 'Labels to select by.'),
  query('fieldSelector', 'string', 'Fields to select by.'),
  query('limit', 'integer', 'Page size.'),
  query('continue', 'string', 'Token of the next page.'),
  query('resourceVersion', 'string', 'Where a watch begins.'),
  query('resourceVersionMatch', 'string', 'NotOlderThan or Exact.'),
  query('timeoutSeconds', 'integer', 'How long a watch lasts.'),
  query('allowWatchBookmarks', 'boolean', 'Let a watch say now and then how far it is.'),
  query('sendInitialEvents', 'boolean', 'Begin a watch with what there is, and say where that ends.'),
  query('watch', 'boolean', 'Stream changes.'),
]

function pathsOf(served: ServedKind): JsonObject {
  const { kind, version } = served
  const root = kind.group === '' ? `/api/${version.name}` : `/apis/${kind.group}/${version.name}`
  const base = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`
  const item = `${base}/{name}`
  return {
    ...(kind.namespaced ? { [`${root}/${kind.plural}`]: { get: operation(served, 'list', LISTS, 'List') } } : {}),
    [base]: {
      get: operation(served, 'list', LISTS, 'List'),
      post: {
        ...operation(served, 'post', WRITES),
        requestBody: body(served, ['application/json', 'application/yaml']),
      },
      delete: operation(served, 'deletecollection', [...LISTS, DRY_RUN]),
      ...parameters(kind.namespaced ? ['namespace'] : []),
    },
    [item]: itemOperations(served),
    ...(kind.hasStatus ? { [`${item}/status`]: { ...itemOperations(served), delete: undefined } } : {}),
  }
}

function questionPaths(served: ServedKind): JsonObject {
  const { kind, version } = served
  const inside = kind.namespaced ? 'namespaces/{namespace}/' : ''
  return {
    [`/apis/${kind.group}/${version.name}/${inside}${kind.plural}`]: {
      post: {
        ...operation(served, 'post', WRITES),
        requestBody: body(served, ['application/json', 'application/yaml']),
      },
      ...parameters(kind.namespaced ? ['namespace'] : []),
    },
  }
}

function itemOperations(served: ServedKind): JsonObject {
  const patch = {
    description: 'The change.',
    content: Object.fromEntries(patchTypes(served.kind).map((type) => [type, { schema: { type: 'object' } }])),
  }
  return {
    get: operation(served, 'get', []),
    put: { ...operation(served, 'put', WRITES), requestBody: body(served, ['application/json', 'application/yaml']) },
    patch: { ...operation(served, 'patch', [...WRITES, FORCE]), requestBody: patch },
    delete: operation(served, 'delete', [
      DRY_RUN,
      query('propagationPolicy', 'string', 'Background, Foreground or Orphan.'),
    ]),
    ...parameters(served.kind.namespaced ? ['namespace', 'name'] : ['name']),
  }
}

const parameters = (names: readonly string[]): JsonObject => ({
  parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
})

const body = (served: ServedKind, types: readonly string[]): JsonObject => ({
  content: Object.fromEntries(types.map((type) => [type, { schema: ref(schemaName(served)) }])),
})

const operation = (served: ServedKind, action: string, query: readonly JsonObject[], suffix = ''): JsonObject => ({
  operationId: `${action}${served.version.name}${served.kind.kind}`,
  parameters: query,
  responses: {
    200: { description: 'OK', content: { 'application/json': { schema: ref(schemaName(served, suffix)) } } },
  },
  'x-kubernetes-action': action,
  'x-kubernetes-group-version-kind': gvkOf(served),
})
