// What was measured so far, in a file: each row is kept as soon as it is there, and measured anew alone when asked for.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isWithin, type Row } from './figures.ts'
import type { Machine } from './machine.ts'

export type Suite = 'agent' | 'api' | 'placement' | 'agents' | 'migration'

/** A row with the moment at which it was measured. */
export interface Measured extends Row {
  /** RFC 3339. */
  readonly at: string
  /** Load average of the minute before it: others that work here. */
  readonly load: number
}

export interface Report {
  readonly suite: Suite
  /** A smoke run: the figures mean nothing and no budget is judged. */
  readonly quick: boolean
  readonly machine: Machine
  readonly rows: readonly Measured[]
}

/** Null when there is none. @throws SyntaxError for a file that is no JSON */
export function readReport(path: string): Report | null {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Report) : null
}

/** Whether rows of `report` may stand beside those that are measured here and now. */
export const belongs = (report: Report, machine: Machine, quick: boolean): boolean =>
  report.quick === quick && keyOf(report.machine) === keyOf(machine)

const keyOf = ({ load: _load, ...machine }: Machine): string => JSON.stringify(machine)

/** With `row` in the place of the one of the same id; rows are in the order of `order`. */
export function withRow(report: Report, row: Measured, order: readonly string[]): Report {
  const rows = [...report.rows.filter(({ id }) => id !== row.id), row]
  return { ...report, rows: rows.toSorted((a, b) => order.indexOf(a.id) - order.indexOf(b.id)) }
}

/** Whole or not at all. */
export function writeReport(path: string, report: Report): void {
  mkdirSync(dirname(path), { recursive: true })
  const rows = report.rows.map((row) => ({
    ...row,
    within: report.quick || row.budget === null ? null : isWithin(row),
  }))
  writeFileSync(`${path}.new`, `${JSON.stringify({ ...report, rows }, null, 1)}\n`)
  renameSync(`${path}.new`, path)
}
