// The table for people and the file for programs.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isWithin, type Row, show } from './figures.ts'
import type { Machine } from './machine.ts'

export interface Report {
  readonly suite: 'agent'
  /** RFC 3339. */
  readonly at: string
  /** A smoke run: the figures mean nothing and no budget is judged. */
  readonly quick: boolean
  readonly machine: Machine
  readonly rows: readonly Row[]
}

const verdict = (row: Row, quick: boolean): string => {
  if (quick) return '-'
  return isWithin(row) ? 'ok' : 'MISSED'
}

export function table({ rows, machine, quick }: Report): string {
  const cells = rows.map((row) => [
    row.what,
    `${show(row.value)} ${row.budget.unit}`,
    `≤ ${row.budget.limit} ${row.budget.unit}`,
    verdict(row, quick),
    row.detail,
    `agent ${show(row.cpu.agentMs / 1000)} s, load ${show(row.cpu.loadMs / 1000)} s`,
  ])
  const lines = [['WHAT', 'MEASURED', 'BUDGET', 'VERDICT', 'MADE OF', 'CPU'], ...cells]
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  const { cpu, cores, memoryMiB, kernel, node, libvirt, qemu, load } = machine
  return [
    `${cores} × ${cpu}, ${memoryMiB} MiB, Linux ${kernel}, Node ${node}, libvirt ${libvirt}, QEMU ${qemu}; load before ${show(load)}`,
    ...lines.map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    ...(quick ? ['a smoke run: the figures mean nothing'] : []),
  ].join('\n')
}

export function writeReport(path: string, report: Report): void {
  mkdirSync(dirname(path), { recursive: true })
  const rows = report.rows.map((row) => ({ ...row, within: report.quick ? null : isWithin(row) }))
  writeFileSync(path, `${JSON.stringify({ ...report, rows }, null, 1)}\n`)
}
