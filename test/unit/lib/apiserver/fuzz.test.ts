// Any JSON at any place of any kind's object gets an answer in words: never a fault of the server, never a stored half.
import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ApiServer, createApiServer } from '../../../../lib/apiserver/index.ts'
import { systemClock } from '../../../../lib/clock.ts'
import type { Store } from '../../../../lib/store/store.ts'
import { KINDS, type KindDef } from '../../../../schemas/index.ts'
import { startServer, type TestServer } from './server.ts'

let base: TestServer
let store: Store
let server: ApiServer
beforeAll(async () => {
  // Its store is enough of a store; the kinds are the real ones.
  base = await startServer()
  store = base.store
  server = await createApiServer({
    store,
    kinds: KINDS,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    version: '0',
  })
})
afterAll(async () => {
  await server.close(100)
  await base.stop()
})

/** Other objects each time; many of them with scripts/test --long. */
const RUNS = process.env.BERTH_LONG ? 2_000 : 50

type Json = Record<string, unknown>

/** Values that look like what the schema asks for, mixed with any others. */
function arbitrary(schema: unknown, depth = 0): fc.Arbitrary<unknown> {
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

const collection = (kind: KindDef, version: string): string => {
  const root = kind.group === '' ? `/api/${version}` : `/apis/${kind.group}/${version}`
  return `${root}/${kind.namespaced ? 'namespaces/default/' : ''}${kind.plural}`
}

const served = KINDS.flatMap((kind) =>
  kind.versions.map((version) => [kind.kind, version.name, kind, version.schema] as const),
)

it.each(served)('%s %s', { timeout: 240_000 }, async (_kind, version, kind, schema) => {
  const url = `${collection(kind, version)}?dryRun=All`
  await fc.assert(
    fc.asyncProperty(arbitrary(schema), async (body) => {
      const payload = JSON.stringify(
        typeof body === 'object' && !Array.isArray(body) ? { ...body, metadata: { name: 'a' } } : body,
      )
      const reply = await server.app.inject({
        method: 'POST',
        url,
        headers: { 'content-type': 'application/json' },
        payload,
      })
      expect([201, 400, 409, 422], `${payload} -> ${reply.payload}`).toContain(reply.statusCode)
    }),
    { numRuns: RUNS },
  )
})
