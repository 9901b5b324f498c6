// A plot of figures against their budgets, as SVG that can be read on light and on dark ground. Pure.
import { isWithin, type Row, show, showBudget, unitOf } from './figures.ts'

const WIDTH = 950
const LABELS = 110
const FIGURES = 260
const ROW = 26
const TOP = 44
const BOTTOM = 16
/** Shares of the budget that the plot shows; what is beyond is drawn at its edge. */
const MOST = 2
const PLOT = WIDTH - LABELS - FIGURES

const STYLE = `text{font:13px system-ui,sans-serif;fill:#1f2328}.quiet{fill:#59636e}.line{stroke:#d1d9e0}.limit{stroke:#59636e;stroke-dasharray:4 3}
.ok{fill:#1a7f37;stroke:#1a7f37}.missed{fill:#cf222e;stroke:#cf222e}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}.line{stroke:#3d444d}.limit{stroke:#9198a1}
.ok{fill:#3fb950;stroke:#3fb950}.missed{fill:#f85149;stroke:#f85149}}`

type Judged = Row & { readonly budget: NonNullable<Row['budget']> }

const isJudged = (row: Row): row is Judged => row.budget !== null

/** Share of the budget that a figure uses: beyond 1 it is missed, whichever way the budget counts. */
export function shareOf({ budget }: Judged, value: number): number {
  // Nothing of nothing.
  if (value === 0 && budget.limit === 0) return 0
  const share = budget.atLeast ? budget.limit / value : value / budget.limit
  return Number.isFinite(share) ? Math.max(0, share) : MOST
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[char] ?? '&quot;')

const x = (share: number): number => LABELS + (Math.min(share, MOST) / MOST) * PLOT

/** One line per row that has a budget: a dot for the figure, a bar from the least to the most of its runs. */
export function plot(rows: readonly Row[]): string {
  const judged = rows.filter(isJudged)
  const height = TOP + judged.length * ROW + BOTTOM
  const lines = judged.map((row, index) => lineOf(row, TOP + index * ROW + ROW / 2))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>Figures as shares of their budgets</title>',
    `<style>${STYLE}</style>`,
    `<text class="quiet" x="${LABELS}" y="18">share of the budget: left of the dashed line is within it</text>`,
    ...[0, 0.5, 1, 1.5, 2].map((share) => gridLine(share, height)),
    ...lines,
    '</svg>',
    '',
  ].join('\n')
}

function gridLine(share: number, height: number): string {
  const at = x(share)
  const label = `<text class="quiet" x="${at}" y="36" text-anchor="middle">${share * 100} %</text>`
  const line = `<line class="${share === 1 ? 'limit' : 'line'}" x1="${at}" y1="${TOP}" x2="${at}" y2="${height - BOTTOM}"/>`
  return label + line
}

function lineOf(row: Judged, y: number): string {
  const shares = [...row.values, row.value].map((value) => shareOf(row, value))
  const style = isWithin(row) ? 'ok' : 'missed'
  return [
    `<text x="${LABELS - 10}" y="${y + 4}" text-anchor="end">${escaped(row.id)}<title>${escaped(row.what)}</title></text>`,
    `<line class="${style}" stroke-width="3" stroke-opacity=".35" x1="${x(Math.min(...shares)).toFixed(1)}" y1="${y}" x2="${x(Math.max(...shares)).toFixed(1)}" y2="${y}"/>`,
    `<circle class="${style}" cx="${x(shareOf(row, row.value)).toFixed(1)}" cy="${y}" r="4.5"><title>${escaped(row.detail)}</title></circle>`,
    `<text class="quiet" x="${WIDTH - FIGURES + 12}" y="${y + 4}">${escaped(`${show(row.value)} ${unitOf(row)} (${showBudget(row)})`)}</text>`,
  ].join('')
}
