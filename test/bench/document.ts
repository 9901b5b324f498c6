// docs/performance.md's table and plot, made of the files that the bench wrote.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { show, showBudget, unitOf } from './figures.ts'
import { plot } from './plot.ts'
import { showMachine, verdict } from './report.ts'
import type { Report } from './results.ts'

const BEGIN = '<!-- figures: written by scripts/bench report -->'
const END = '<!-- end of figures -->'

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The figures as Markdown. */
export function figuresOf(reports: readonly Report[]): string {
  const sections = reports.map(({ suite, machine, quick, rows }) => {
    const lines = rows.map((row) =>
      [`\`${row.id}\``, row.what, `${show(row.value)} ${unitOf(row)}`, showBudget(row), verdict(row, quick), row.detail]
        .map(cell)
        .join(' | '),
    )
    const days = [...new Set(rows.map(({ at }) => at.slice(0, 10)))].toSorted()
    const loads = rows.map(({ load }) => load)
    return [
      `### \`${suite}\``,
      '',
      `${showMachine(machine)}; ${days.join(', ')}; load average before the rows ${show(Math.min(...loads))} to ${show(Math.max(...loads))}.${quick ? ' **A smoke run: the figures mean nothing.**' : ''}`,
      '',
      '| row | what | measured | budget | verdict | made of |',
      '|---|---|---|---|---|---|',
      ...lines.map((line) => `| ${line} |`),
    ].join('\n')
  })
  return sections.join('\n\n')
}

const sectionsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split(/^(?=### `)/m).flatMap((section) => {
      const suite = /^### `(\w+)`/.exec(section)?.[1]
      return suite === undefined ? [] : [[suite, section.trim()] as const]
    }),
  )

/** `figures` instead of those of the same suites in `document`; other suites stay as they were told there. */
export function besideOlder(document: string, figures: string): string {
  const older = sectionsOf(document.split(BEGIN)[1]?.split(END)[0] ?? '')
  return [...new Map([...older, ...sectionsOf(figures)]).values()].join('\n\n')
}

/** The document with other figures. @throws Error for a document that has no place for them */
export function withFigures(document: string, figures: string): string {
  const [before, rest] = document.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`the document has no lines ${BEGIN} and ${END}`)
  return `${before}${BEGIN}\n\n${figures}\n\n${END}${after}`
}

/** Writes the tables below `root`, and the plot when each suite of the tables is among the reports. Whether it was. */
export function writeDocument(root: string, reports: readonly Report[]): boolean {
  const path = join(root, 'docs/performance.md')
  const document = readFileSync(path, 'utf8')
  const figures = besideOlder(document, figuresOf(reports))
  writeFileSync(path, withFigures(document, figures))
  const isWhole = sectionsOf(figures).size === reports.length
  if (isWhole) writeFileSync(join(root, 'docs/performance.svg'), plot(reports.flatMap(({ rows }) => rows)))
  return isWhole
}
