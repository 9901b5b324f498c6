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

/** The document with other figures. @throws Error for a document that has no place for them */
export function withFigures(document: string, figures: string): string {
  const [before, rest] = document.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`the document has no lines ${BEGIN} and ${END}`)
  return `${before}${BEGIN}\n\n${figures}\n\n${END}${after}`
}

/** Writes the table and the plot below `root`. */
export function writeDocument(root: string, reports: readonly Report[]): void {
  const path = join(root, 'docs/performance.md')
  writeFileSync(path, withFigures(readFileSync(path, 'utf8'), figuresOf(reports)))
  writeFileSync(join(root, 'docs/performance.svg'), plot(reports.flatMap(({ rows }) => rows)))
}
