import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { besideOlder, figuresOf, withFigures } from '../../bench/document.ts'
import type { Row } from '../../bench/figures.ts'
import { plot } from '../../bench/plot.ts'
import { belongs, type Measured, type Report, readReport, withRow, writeReport } from '../../bench/results.ts'

const row = (id: string, value: number, budget: Row['budget'] = { limit: 10, unit: 'ms' }): Measured => ({
  id,
  what: `<${id}>`,
  budget,
  value,
  detail: 'a | b',
  values: [value / 2, value],
  samples: {},
  cpu: { agentMs: 0, loadMs: 0 },
  at: '2026-01-02T03:04:05Z',
  load: 0.5,
})

const machine = { cpu: 'x', cores: 2, memoryMiB: 1, kernel: 'k', node: 'v', load: 1 }
const report: Report = { suite: 'agent', quick: false, machine, rows: [row('a', 5), row('c', 20)] }

it('a row takes the place of its older self, in the order of the suite', () => {
  const order = ['a', 'b', 'c']
  const more = withRow(withRow(report, row('b', 1), order), row('a', 7), order)
  expect(more.rows.map(({ id, value }) => [id, value])).toEqual([
    ['a', 7],
    ['b', 1],
    ['c', 20],
  ])
})

it('what was written is read again, and stands only beside rows of the same machine and kind of run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-report-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'below', 'agent.json')
  expect(readReport(path)).toBeNull()
  writeReport(path, report)
  expect(readReport(path)).toMatchObject({
    rows: [
      { id: 'a', within: true },
      { id: 'c', within: false },
    ],
  })
  expect(belongs(report, { ...machine, load: 9 }, false)).toBe(true)
  expect(belongs(report, { ...machine, kernel: 'other' }, false)).toBe(false)
  expect(belongs(report, machine, true)).toBe(false)
})

it('suites that were not measured now keep their tables', () => {
  const document = withFigures(
    '<!-- figures: written by scripts/bench report -->\n<!-- end of figures -->\n',
    figuresOf([report, { ...report, suite: 'api', rows: [row('old', 5)] }]),
  )
  const figures = besideOlder(document, figuresOf([{ ...report, suite: 'api', rows: [row('new', 6)] }]))
  expect(figures).toContain('| `c` |')
  expect(figures).toContain('| `new` |')
  expect(figures).not.toContain('| `old` |')
  const whole = withFigures(document, figures)
  expect(withFigures(whole, besideOlder(whole, figures))).toBe(whole)
})

it('figures take the place of older ones in the document, and nothing else changes', () => {
  const document = 'before\n<!-- figures: written by scripts/bench report -->\nold\n<!-- end of figures -->\nafter\n'
  const made = withFigures(document, figuresOf([report]))
  expect(made).toMatch(/^before\n/)
  expect(made).toMatch(/\nafter\n$/)
  expect(made).not.toContain('old')
  expect(made).toContain('| `c` | <c> | 20.0 ms | ≤ 10 ms | MISSED | a \\| b |')
  expect(withFigures(made, figuresOf([report]))).toBe(made)
  expect(() => withFigures('nothing', '')).toThrow('has no lines')
})

it('plots what has a budget, missed ones right of the line, whichever way they count', () => {
  const rows = [
    row('in', 5),
    row('out', 15),
    row('slow', 5, { limit: 10, unit: '×', atLeast: true }),
    row('told', 1, null),
  ]
  const svg = plot(rows)
  const dots = [...svg.matchAll(/<circle class="(\w+)" cx="([\d.]+)"/g)].map(([, style, x]) => [style, Number(x)])
  const limit = Number(/class="limit" x1="([\d.]+)"/.exec(svg)?.[1])
  expect(dots.map(([style, x]) => [style, Number(x) > limit])).toEqual([
    ['ok', false],
    ['missed', true],
    ['missed', true],
  ])
  expect(svg).toContain('<title>&lt;in&gt;</title>')
  expect(svg).not.toContain('told')
  expect(svg).toContain('prefers-color-scheme:dark')
})
