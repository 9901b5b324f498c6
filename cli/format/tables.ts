// The server's tables as lines: which columns show, how cells are written, what is coloured.
import type { Table, TableColumn, TableRow } from '../../lib/client/tables.ts'
import { ageOf } from '../duration.ts'
import { type Paint, paintPhase } from './colour.ts'
import { line, widths } from './columns.ts'
import { oneLine } from './text.ts'

export interface TableForm {
  /** Columns of lower priority too. */
  readonly wide: boolean
  readonly namespaces: boolean
  readonly headers: boolean
  /** Put before each name: `virtualmachine.virtualization.deckhouse.io/`. */
  readonly namePrefix: string
}

/** Prints tables of one kind one after the other, in the same columns: the first sets the least widths. */
export class TablePrinter {
  readonly #form: TableForm
  readonly #paint: Paint
  readonly #now: () => number
  #columns: readonly TableColumn[] = []
  #widths: readonly number[] | undefined

  constructor(form: TableForm, paint: Paint, now: () => number) {
    this.#form = form
    this.#paint = paint
    this.#now = now
  }

  /** The lines of these rows, after the header when it is the first call. A table without columns takes those of the last. */
  lines(table: Table): string[] {
    if (table.columns.length > 0) this.#columns = table.columns
    const shown = [...this.#columns.entries()].filter(([, column]) => this.#form.wide || column.priority === 0)
    const rows = table.rows.map((row) => this.#cells(row, shown))
    const names = shown.map(([, column]) => column.name.toUpperCase())
    const header = this.#form.namespaces ? ['NAMESPACE', ...names] : names
    const first = this.#widths === undefined
    this.#widths = widths(this.#form.headers ? [header, ...rows] : rows, this.#widths ?? [])
    const sized = this.#widths
    const isPhase = (index: number) => header[index] === 'PHASE' || header[index] === 'STATUS'
    const body = rows.map((row) =>
      line(row, sized, (cell, index) => (isPhase(index) ? paintPhase(this.#paint, cell) : cell)),
    )
    if (!first || !this.#form.headers) return body
    return [line(header, sized, (cell) => this.#paint('bold', cell)), ...body]
  }

  #cells(row: TableRow, shown: readonly (readonly [number, TableColumn])[]): string[] {
    const cells = shown.map(([index, column]) => {
      const text = cellText(row.cells[index], column, this.#now())
      return column.name.toLowerCase() === 'name' ? `${this.#form.namePrefix}${text}` : text
    })
    return this.#form.namespaces ? [oneLine(row.namespace), ...cells] : cells
  }
}

function cellText(value: unknown, column: TableColumn, now: number): string {
  if (value === null || value === undefined) return ''
  if (column.type === 'date' && typeof value === 'string' && !Number.isNaN(Date.parse(value)) && value.includes('T'))
    return ageOf(value, now)
  return oneLine(typeof value === 'object' ? JSON.stringify(value) : String(value))
}
