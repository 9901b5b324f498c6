// Any JSON at any place of any kind's object gets an answer in words: never a fault of the server, never a stored half.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { KINDS, type KindDef } from '../../../../schemas/index.ts'
import { fromSchema } from '../../../support/arbitraries.ts'
import { startServer, type TestServer } from './server.ts'

let base: TestServer
beforeAll(async () => {
  base = await startServer({ kinds: KINDS })
})
afterAll(() => base.stop())

/** Other objects each time; many of them with scripts/test --long. */
const RUNS = process.env.BERTH_LONG ? 2_000 : 50

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
    fc.asyncProperty(fromSchema(schema, 30), async (body) => {
      const payload = JSON.stringify(
        typeof body === 'object' && !Array.isArray(body) ? { ...body, metadata: { name: 'a' } } : body,
      )
      const reply = await base.server.app.inject({
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
