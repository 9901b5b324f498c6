// Our schemas are schemas: what no server checks when it compiles them.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, it } from 'vitest'
import { AgentConfigSchema } from '../../../agent/config.ts'
import { METADATA_SCHEMA } from '../../../lib/apiserver/core/metadata-schema.ts'
import { KINDS } from '../../../schemas/index.ts'

const judge = new Ajv2020({ strict: false, validateFormats: false })
const ours = [
  ...KINDS.flatMap(({ kind, versions }) => versions.map(({ name, schema }) => [`${kind} ${name}`, schema] as const)),
  ['metadata', METADATA_SCHEMA] as const,
  ['agent.yaml', AgentConfigSchema] as const,
]

it.each(ours)('%s', (_name, schema) => {
  expect([judge.validateSchema(schema), judge.errors]).toEqual([true, null])
})

it('a wrong one is told', () => {
  expect(judge.validateSchema({ type: 'strin', properties: { a: { minimum: 'x' } } })).toBe(false)
})
