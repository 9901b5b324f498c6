// Random values from the schemas: what a kind asks for, its boundaries, wrong types, and texts that break things.
import fc from 'fast-check'

type Json = Record<string, unknown>

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Texts that have broken programs before. */
export const oddText = fc.constantFrom(
  '',
  ' ',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '%2e%2e%2f',
  'a/b',
  'a\u0000b',
  '\ud800',
  'ﬀ\u202e\u{1f4a9}',
  '<![CDATA[x]]>&amp;"\'',
  '#{x}`id`',
  "'; DROP TABLE objects; --",
  '-1',
  '1e999',
  '0x10',
  '99999999999999999999999Gi',
  'x'.repeat(10_000),
)

const likelyText = fc.constantFrom(
  'a',
  'f0',
  'f1',
  'disk',
  'generic',
  'dir',
  '1Gi',
  '64Mi',
  '50%',
  '100%',
  'http://x.example/y',
  '0',
  'true',
  '2026-01-01T00:00:00Z',
)
const text = fc.oneof(
  { weight: 6, arbitrary: likelyText },
  { weight: 2, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: oddText },
)

/** A pile of lists or objects, as deep as no object is. */
const deep = fc.tuple(fc.constantFrom(30, 70), fc.boolean()).map(([levels, lists]) => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = lists ? [value] : { a: value }
  return value
})
const anything = fc.oneof(
  { weight: 8, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  { weight: 2, arbitrary: oddText },
  { weight: 1, arbitrary: deep },
)

const numbers = ({ minimum, maximum }: Json): fc.Arbitrary<number> => {
  const edges = [minimum, maximum].flatMap((edge) => (typeof edge === 'number' ? [edge - 1, edge, edge + 1] : []))
  return fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constantFrom(0, -1, 1.5, 2 ** 31, 2 ** 53, 1e308, ...edges))
}

/** Values of a schema; one in `wild` is none of its. 0 keeps to what the schema asks for, as far as it says so. */
export function fromSchema(schema: unknown, wild: number, depth = 0): fc.Arbitrary<unknown> {
  if (!isJson(schema) || depth > 9) return wild === 0 ? fc.constant('a') : anything
  const likely = likelyOf(schema, wild, depth)
  return wild === 0 ? likely : fc.oneof({ weight: wild - 1, arbitrary: likely }, { weight: 1, arbitrary: anything })
}

function likelyOf(schema: Json, wild: number, depth: number): fc.Arbitrary<unknown> {
  const {
    type,
    properties,
    required,
    items,
    anyOf,
    oneOf,
    enum: values,
    const: constant,
    patternProperties,
    additionalProperties,
  } = schema
  const inner = (one: unknown) => fromSchema(one, wild, depth + 1)
  if (constant !== undefined) return fc.constant(constant)
  if (Array.isArray(values)) return fc.constantFrom(...values)
  const branches = anyOf ?? oneOf
  if (Array.isArray(branches)) return fc.oneof(...branches.map(inner))
  if (isJson(properties)) {
    const needed = Array.isArray(required) ? required.filter((name) => Object.hasOwn(properties, String(name))) : []
    const model = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, inner(field)]))
    return fc.oneof(
      { weight: 4, arbitrary: fc.record(model, { requiredKeys: needed as never[] }) },
      { weight: wild === 0 ? 0 : 1, arbitrary: fc.record(model, { requiredKeys: [] }) },
    )
  }
  const entries = isJson(patternProperties) ? Object.values(patternProperties)[0] : additionalProperties
  if (isJson(entries)) return fc.dictionary(text, inner(entries), { maxKeys: 3 })
  if (type === 'array') return fc.array(inner(items), { maxLength: 3 })
  if (type === 'integer' || type === 'number') return numbers(schema)
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  return text
}

/** Paths of a schema's fields, and what belongs there. */
function fieldsOf(
  schema: unknown,
  path: readonly string[] = [],
): { readonly path: readonly string[]; readonly schema: unknown }[] {
  if (!isJson(schema) || !isJson(schema.properties) || path.length > 4) return []
  return Object.entries(schema.properties).flatMap(([name, field]) => {
    const at = [...path, name]
    return name === 'status' ? [] : [{ path: at, schema: field }, ...fieldsOf(field, at)]
  })
}

function put(object: Json, [first = '', ...rest]: readonly string[], value: unknown): Json {
  const present = Object.hasOwn(object, first) ? object[first] : {}
  return { ...object, [first]: rest.length === 0 ? value : put(isJson(present) ? present : {}, rest, value) }
}

/** `base` with up to three of its schema's fields made anew; `wild` as in {@link fromSchema}. */
export function changed(base: object, schema: unknown, wild = 12): fc.Arbitrary<Json> {
  const changes = fieldsOf(schema).map(({ path, schema: field }) =>
    fromSchema(field, wild).map((value) => ({ path, value })),
  )
  if (changes.length === 0) return fc.constant({ ...base })
  return fc
    .array(fc.oneof(...changes), { maxLength: 3 })
    .map((list) => list.reduce<Json>((object, { path, value }) => put(object, path, value), { ...base }))
}

const labels = fc.dictionary(fc.constantFrom('app', 'berth/x', 'a.example/b'), fc.constantFrom('', 'a', 'b'), {
  maxKeys: 2,
})

/** Metadata under one of `names`; one in four is odd. */
export const metadataOf = (names: readonly string[]): fc.Arbitrary<Json> => {
  const name = fc.constantFrom(...names)
  const odd = fc.record(
    {
      name: fc.oneof(name, text),
      labels: fc.dictionary(text, anything, { maxKeys: 2 }),
      annotations: fc.dictionary(text, anything, { maxKeys: 2 }),
      finalizers: fc.array(fc.oneof(fc.constant('berth/x'), text), { maxLength: 1 }),
      ownerReferences: fc.array(anything, { maxLength: 1 }),
      resourceVersion: fc.constantFrom('1', '', '99999999', 'x'),
      uid: text,
    },
    { requiredKeys: ['name'] },
  )
  const good = fc.record({ name, labels, annotations: labels }, { requiredKeys: ['name'] })
  return fc.oneof({ weight: 3, arbitrary: good }, { weight: 1, arbitrary: odd })
}

/** Label selectors and field selectors, good and bad. */
export const selector = fc.oneof(
  fc.constantFrom(
    '',
    'app=a',
    'app!=a,berth/x',
    'app in (a,b),!x',
    'app notin ()',
    'metadata.name=f0',
    'status.phase!=Running',
    'a=b=c',
    '(((',
    ',,,',
    'in in (in)',
  ),
  fc.string({ maxLength: 30 }),
  fc.constantFrom(`${'a,'.repeat(4_000)}`, `a in (${'('.repeat(4_000)}`, `${'!'.repeat(8_000)}`),
)

/** Queries of the API with values that fit now and then. */
export const query = fc.dictionary(
  fc.constantFrom(
    'limit',
    'continue',
    'resourceVersion',
    'resourceVersionMatch',
    'fieldSelector',
    'labelSelector',
    'dryRun',
    'fieldValidation',
    'fieldManager',
    'force',
    'propagationPolicy',
    'gracePeriodSeconds',
    'orphanDependents',
    'includeObject',
    'pretty',
    'timeoutSeconds',
    'allowWatchBookmarks',
    'sendInitialEvents',
  ),
  fc.oneof(
    fc.constantFrom('1', '0', 'true', 'All', 'Warn', 'Ignore', 'Exact', 'NotOlderThan', 'Foreground', 'Object', 'x'),
    selector,
    oddText,
  ),
  { maxKeys: 3 },
)

/** JSON patches of objects like these. */
export const jsonPatch = fc.array(
  fc.record(
    {
      op: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test') },
        { weight: 1, arbitrary: text },
      ),
      path: fc.constantFrom(
        '',
        '/',
        '/spec',
        '/spec/-',
        '/spec/cpu/cores',
        '/spec/blockDeviceRefs/0',
        '/spec/blockDeviceRefs/-',
        '/metadata/labels',
        '/metadata/labels/a~1b',
        '/metadata/name',
        '/metadata/uid',
        '/metadata/managedFields',
        '/status',
        '/kind',
        '/__proto__/x',
        '/a~2',
        'x',
      ),
      from: fc.constantFrom('', '/spec', '/metadata', '/spec/cpu', '/metadata/labels', 'y'),
      value: anything,
    },
    { requiredKeys: ['op', 'path'] },
  ),
  { maxLength: 5 },
)
