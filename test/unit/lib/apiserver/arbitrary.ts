// Objects made from schemas, right and wrong, for random tests.
import fc from 'fast-check'

type Json = Record<string, unknown>

/** Values that look like what the schema asks for, mixed with any others. */
export function arbitrary(schema: unknown, depth = 0): fc.Arbitrary<unknown> {
  const any = fc.jsonValue({ maxDepth: 2 })
  if (typeof schema !== 'object' || schema === null || depth > 8) return any
  const { type, properties, items, anyOf, oneOf, enum: values, const: constant, patternProperties } = schema as Json
  const likely = (): fc.Arbitrary<unknown> => {
    if (constant !== undefined) return fc.constant(constant)
    if (Array.isArray(values)) return fc.constantFrom(...values)
    const branches = anyOf ?? oneOf
    if (Array.isArray(branches)) return fc.oneof(...branches.map((branch) => arbitrary(branch, depth + 1)))
    if (typeof properties === 'object' && properties !== null) {
      const fields = Object.entries(properties).map(([name, field]) => [name, arbitrary(field, depth + 1)])
      return fc.record(Object.fromEntries(fields), { requiredKeys: [] })
    }
    if (patternProperties !== undefined) return fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }))
    if (type === 'array') return fc.array(arbitrary(items, depth + 1), { maxLength: 3 })
    if (type === 'integer' || type === 'number') return fc.oneof(fc.integer({ min: -2, max: 200 }), fc.double())
    if (type === 'boolean') return fc.boolean()
    return fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('a', '1Gi', '50%', 'http://x/y', '0', '-1', ''))
  }
  return fc.oneof({ weight: 30, arbitrary: likely() }, { weight: 1, arbitrary: any })
}
