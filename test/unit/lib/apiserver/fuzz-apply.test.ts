// Any configuration of any kind applied on top of any other: an answer in words, and what is stored can be read, written back and applied again.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { KINDS } from '../../../../schemas/index.ts'
import { fromSchema } from '../../../support/arbitraries.ts'
import { startServer, type TestServer } from './server.ts'

let base: TestServer
beforeAll(async () => {
  base = await startServer({ kinds: KINDS })
})
afterAll(() => base.stop())

const call = (method: 'GET' | 'PUT' | 'PATCH', url: string, payload?: string) =>
  base.server.app.inject({
    method,
    url,
    ...(payload === undefined
      ? {}
      : {
          payload,
          headers: { 'content-type': method === 'PUT' ? 'application/json' : 'application/apply-patch+yaml' },
        }),
  })

/** Other objects each time; many of them with scripts/test --long. */
const RUNS = process.env.BERTH_LONG ? 500 : 15

let names = 0

// Kinds whose shapes differ most: lists by key, free maps, two versions, write-only fields.
const SHAPES = ['Node', 'Secret', 'Event', 'VirtualMachine', 'VirtualMachineClass']
const served = KINDS.filter(({ kind }) => SHAPES.includes(kind)).flatMap((kind) =>
  kind.versions.map((version) => [kind.kind, version.name, kind, version.schema] as const),
)

it.each(served)(
  '%s %s',
  { timeout: process.env.BERTH_LONG ? 600_000 : 60_000 },
  async (_kind, version, kind, schema) => {
    const apiVersion = kind.group === '' ? version : `${kind.group}/${version}`
    const root = `/${kind.group === '' ? 'api' : 'apis'}/${apiVersion}`
    const collection = `${root}/${kind.namespaced ? 'namespaces/default/' : ''}${kind.plural}`
    const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'))
    const config = fc.record({ body: fromSchema(schema, 30), labels, manager: fc.constantFrom('one', 'two') })
    await fc.assert(
      fc.asyncProperty(fc.array(config, { minLength: 2, maxLength: 4 }), async (configs) => {
        const url = `${collection}/f${names++}`
        for (const { body, labels: given, manager } of configs) {
          const fields = typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {}
          const object = { ...fields, apiVersion, kind: kind.kind, metadata: { labels: given } }
          const text = JSON.stringify(object)
          const apply = `${url}?fieldManager=${manager}&force=true&fieldValidation=Ignore`
          const reply = await call('PATCH', apply, text)
          expect([200, 201, 400, 409, 422], `${text} -> ${reply.payload}`).toContain(reply.statusCode)
          if (reply.statusCode > 201) continue
          const stored = await call('GET', url)
          expect(stored.json()).toEqual(reply.json())
          expect((await call('PUT', url, stored.payload)).json()).toEqual(reply.json())
          expect((await call('PATCH', apply, text)).json()).toEqual(reply.json())
        }
      }),
      { numRuns: RUNS },
    )
  },
)
