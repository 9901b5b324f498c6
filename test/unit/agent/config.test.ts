import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { toConfig } from '../../../agent/config.ts'
import { ConfigError } from '../../../agent/config-error.ts'
import { configurationDoc } from '../../../scripts/gen-configuration-doc.ts'

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
    ['an unknown key', { nodename: 'a' }, /^nodename: unknown key$/],
    ['an unknown key inside', { importer: { alow: [] } }, /^importer\.alow: unknown key$/],
    ['a wrong type', { allowEmulation: 'yes' }, /^allowEmulation: must be boolean$/],
    ['a wrong choice', { accelerator: 'xen' }, /^accelerator: /],
    ['a port without a host', { listen: ['8750'] }, /^listen\.0: /],
    ['a relative folder', { stateDir: 'state' }, /^stateDir: /],
    ['no mapping', ['a'], /not a mapping/],
  ]
  it.each(bad)('refuses %s and names the key', (_title, document, message) => {
    expect(() => toConfig(document)).toThrow(ConfigError)
    expect(() => toConfig(document)).toThrow(message)
  })

  it('is described by docs/configuration.md as it is', () => {
    expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationDoc())
  })
})
