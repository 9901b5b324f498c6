// The table for people and the file for programs.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isWithin, type Row, show, showBudget, unitOf } from './figures.ts'
import type { Machine } from './machine.ts'

export interface Report {
  readonly suite: 'agent' | 'api'
  /** RFC 3339. */
  readonly at: string
  /** A smoke run: the figures mean nothing and no budget is judged. */
  readonly quick: boolean
  readonly machine: Machine
  readonly rows: readonly Row[]
}

const verdict = (row: Row, quick: boolean): string => {
  if (quick || row.budget === null) return '-'
  return isWithin(row) ? 'ok' : 'MISSED'
}

export function table({ rows, machine, quick }: Report): string {
  const cells = rows.map((row) => [
    row.what,
    `${show(row.value)} ${unitOf(row)}`,
    showBudget(row),
    verdict(row, quick),
    row.detail,
    `server ${show(row.cpu.agentMs / 1000)} s, load ${show(row.cpu.loadMs / 1000)} s`,
  ])
  const lines = [['WHAT', 'MEASURED', 'BUDGET', 'VERDICT', 'MADE OF', 'CPU'], ...cells]
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  const { cpu, cores, memoryMiB, kernel, node, libvirt, qemu, load } = machine
  const hypervisor = libvirt === undefined ? '' : `, libvirt ${libvirt}, QEMU ${qemu}`
  return [
    `${cores} × ${cpu}, ${memoryMiB} MiB, Linux ${kernel}, Node ${node}${hypervisor}; load before ${show(load)}`,
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
  const rows = report.rows.map((row) => ({
    ...row,
    within: report.quick || row.budget === null ? null : isWithin(row),
  }))
  writeFileSync(path, `${JSON.stringify({ ...report, rows }, null, 1)}\n`)
}
