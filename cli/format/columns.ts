// Aligned columns of plain text.

const GAP = '   '

/** Characters as a terminal counts them, for text without wide glyphs. */
const width = (text: string): number => [...text].length

/** The width of each column that holds all rows, and at least `atLeast`. */
export function widths(rows: readonly (readonly string[])[], atLeast: readonly number[] = []): number[] {
  const result = [...atLeast]
  for (const row of rows)
    for (const [index, cell] of row.entries()) result[index] = Math.max(result[index] ?? 0, width(cell))
  return result
}

/** One line: cells padded to the widths, nothing after the last cell. `paint` may colour a cell after it was measured. */
export function line(
  row: readonly string[],
  columns: readonly number[],
  paint = (cell: string, _index: number) => cell,
): string {
  return row
    .map((cell, index) => {
      const gap =
        index === row.length - 1 ? '' : `${' '.repeat(Math.max(0, (columns[index] ?? 0) - width(cell)))}${GAP}`
      return `${paint(cell, index)}${gap}`
    })
    .join('')
    .trimEnd()
}

/** All rows, aligned. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const columns = widths(rows)
  return rows.map((row) => line(row, columns))
}
