// The table for people.
import { isWithin, type Row, show, showBudget, unitOf } from './figures.ts'
import type { Machine } from './machine.ts'
import type { Report } from './results.ts'

export const verdict = (row: Row, quick: boolean): string => {
  if (quick || row.budget === null) return '-'
  return isWithin(row) ? 'ok' : 'MISSED'
}

export function showMachine({ cpu, cores, memoryMiB, kernel, node, libvirt, qemu }: Machine): string {
  const hypervisor = libvirt === undefined ? '' : `, libvirt ${libvirt}, QEMU ${qemu}`
  return `${cores} × ${cpu}, ${memoryMiB} MiB, Linux ${kernel}, Node ${node}${hypervisor}`
}

export function table({ rows, machine, quick }: Report): string {
  const cells = rows.map((row) => [
    row.id,
    row.what,
    `${show(row.value)} ${unitOf(row)}`,
    showBudget(row),
    verdict(row, quick),
    row.detail,
    `server ${show(row.cpu.agentMs / 1000)} s, load ${show(row.cpu.loadMs / 1000)} s`,
  ])
  const lines = [['ROW', 'WHAT', 'MEASURED', 'BUDGET', 'VERDICT', 'MADE OF', 'CPU'], ...cells]
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  return [
    `${showMachine(machine)}; load before ${show(machine.load)}`,
    ...lines.map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    ...(quick ? ['a smoke run: the figures mean nothing'] : []),
  ].join('\n')
}
