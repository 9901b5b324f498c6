import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { AgentConfigSchema, toConfig } from '../../../agent/config.ts'
import { agentYaml } from '../../../scripts/gen-agent-yaml.ts'

/** Without the keys that have no default. */
const set = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, each]) => (each === null ? [] : [[key, set(each)]])))
}

describe("the package's agent.yaml", () => {
  it('sets nothing', () => {
    expect(parse(agentYaml())).toBeNull()
  })

  it('names every key, and with all of them switched on the configuration is the same', () => {
    const keys = parse(agentYaml().replaceAll(/^( *)#(\w+:)/gm, '$1$2')) as Record<string, unknown>
    expect(Object.keys(keys)).toEqual(Object.keys(AgentConfigSchema.properties))
    expect(toConfig(set(keys))).toEqual(toConfig(null))
  })
})
