import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { AgentConfigSchema, toConfig } from '../../../agent/config.ts'
import { ConfigError } from '../../../lib/server/config-error.ts'
import { configurationDoc } from '../../../scripts/gen-configuration-doc.ts'

interface Property {
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Property>>
}

describe('the configuration', () => {
  it('is complete without a single key', () => {
    const config = toConfig(null)
    expect(config).toMatchObject({
      stateDir: '/var/lib/berth',
      listen: ['127.0.0.1:8750'],
      accelerator: 'auto',
      allowEmulation: false,
      capacity: { cpuOvercommit: 1 },
      importer: { allow: [], concurrency: 2 },
    })
    expect(config.nodeName).not.toBe('')
  })

  const bad: [string, unknown, RegExp][] = [
    ['an unknown key', { nodename: 'a' }, /^nodename: unknown key; did you mean nodeName\?$/],
    ['an unknown key inside', { importer: { alow: [] } }, /^importer\.alow: unknown key; did you mean allow\?$/],
    ['a wrong type', { allowEmulation: 'yes' }, /^allowEmulation: must be boolean$/],
    ['an unknown key that is like none', { zzzzzzzz: 1 }, /^zzzzzzzz: unknown key$/],
    ['a wrong choice', { accelerator: 'xen' }, /^accelerator: must be one of auto, kvm, emulation$/],
    ['a size that is none', { importer: { maxBytes: 'lots' } }, /^importer\.maxBytes: must match pattern/],
    ['a number out of its range', { importer: { concurrency: 0 } }, /^importer\.concurrency: must be >= 1$/],
    ['two faults at once', { log: { level: 1 }, x: 1 }, /^x: unknown key; log\.level: must be one of trace, debug/],
    ['a port without a host', { listen: ['8750'] }, /^listen\.0: /],
    ['a relative folder', { stateDir: 'state' }, /^stateDir: /],
    ['no mapping', ['a'], /not a mapping/],
  ]
  it.each(bad)('refuses %s and names the key', (_title, document, message) => {
    expect(() => toConfig(document)).toThrow(ConfigError)
    expect(() => toConfig(document)).toThrow(message)
  })

  it('says of each key what it means, and what it is when left out', () => {
    const leaves = (schema: Property, path: string): readonly (readonly [string, Property])[] =>
      schema.properties === undefined
        ? [[path, schema]]
        : Object.entries(schema.properties).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`))
    for (const [path, { description, default: fallback }] of leaves(AgentConfigSchema as unknown as Property, '')) {
      expect(description, path).toMatch(/\.$/)
      // Without a default in the schema it is one that depends on the host, in words; or the key is for something extra.
      if (fallback === undefined && !path.startsWith('.tls.')) expect(description, path).toContain('Default: ')
    }
  })

  it('is described by docs/configuration.md as it is', () => {
    expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationDoc())
  })
})
