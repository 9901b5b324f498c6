import { expect, test } from 'vitest'
import * as agentCatalogue from '../../../../agent/metrics/catalogue.ts'
import { AGENT_METRICS } from '../../../../agent/metrics/catalogue.ts'
import * as serverCatalogue from '../../../../lib/metrics/catalogue.ts'

const UNITS = /_(seconds|bytes|cores|fraction|ratio)(_total)?$/
/** What is said in another unit, or counts in a unit that would be. */
const BAD_UNITS = /_(ms|milliseconds|minutes|kib|mib|kilobytes|percent)(_|$)/

test('each metric that is declared is in the list, once', () => {
  const declared = [...Object.values(serverCatalogue), ...Object.values(agentCatalogue)].filter(
    (value) => typeof value === 'object' && 'kind' in value,
  )
  expect(new Set(AGENT_METRICS)).toEqual(new Set(declared))
  expect(new Set(AGENT_METRICS.map(({ name }) => name)).size).toBe(AGENT_METRICS.length)
})

test.each(AGENT_METRICS.map((def) => [def.name, def] as const))('%s is named as Prometheus asks for', (name, def) => {
  const { kind, help, labels } = def
  expect(name).toMatch(/^(berth|process|d8_virtualization)_[a-z0-9]+(_[a-z0-9]+)*$/)
  expect(name).not.toMatch(BAD_UNITS)
  expect(name.endsWith('_total')).toBe(kind === 'counter' || kind === 'sum')
  if (kind === 'histogram') expect(name).toMatch(UNITS)
  expect(help).toMatch(/^[A-Z0-9l].*[^.]$/)
  for (const label of labels) expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/)
  for (const label of labels) expect(['le', 'quantile', 'instance', 'job']).not.toContain(label)
})
