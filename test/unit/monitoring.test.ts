// What alert rules and dashboard ask for is what agents and schedulers tell: names, and the labels that they pick by.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AGENT_METRICS } from '../../agent/metrics/catalogue.ts'
import { CLUSTER_METRICS } from '../../scheduler/metrics/catalogue.ts'
import { expressions } from '../support/monitoring.ts'

const defs = new Map(
  [...AGENT_METRICS, ...CLUSTER_METRICS].flatMap((def) =>
    def.kind === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((end) => [`${def.name}${end}`, [...def.labels, 'le']] as const)
      : [[def.name, def.labels] as const],
  ),
)
/** Given by Prometheus to every series. */
const ALWAYS = ['job', 'instance']

test.each(expressions())('$of: $expr', ({ metrics }) => {
  expect(metrics.length).toBeGreaterThan(0)
  for (const { name, labels } of metrics) {
    if (name === 'up') continue
    const known = defs.get(name)
    expect(known, name).toBeDefined()
    for (const label of labels) expect([...(known ?? []), ...ALWAYS], `${name}{${label}}`).toContain(label)
  }
})

test('every alert says what it means and how bad it is, and the dashboard has no panel twice', () => {
  const rules = readFileSync('monitoring/berth-rules.yaml', 'utf8')
  const alerts = rules.match(/- alert: \w+/g) ?? []
  expect(new Set(alerts).size).toBe(alerts.length)
  expect(rules.match(/severity: (critical|warning)/g)).toHaveLength(alerts.length)
  expect(rules.match(/^ {10}summary: /gm)).toHaveLength(alerts.length)
  const { panels } = JSON.parse(readFileSync('monitoring/berth-dashboard.json', 'utf8'))
  const titles = panels.map(({ title }: { title: string }) => title)
  expect(new Set(titles).size).toBe(titles.length)
  expect(new Set(panels.map(({ id }: { id: number }) => id)).size).toBe(titles.length)
})
