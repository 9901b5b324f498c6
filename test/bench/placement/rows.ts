// The budgets of placement in process, row by row: decisions a second, the slow ones, memory, growth with the number of hosts.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Budget, median, percentile, type Row, show } from '../figures.ts'
import { KINDS, type Kind, type Size } from './cloud.ts'
import type { Figures, KindFigures, Task } from './subject.ts'

export interface PlacementScale {
  readonly sizes: readonly Size[]
  readonly decisions: number
  readonly warmUp: number
  /** Processes per size, each with a cluster of its own; the middle one counts. */
  readonly runs: number
}

export const FULL: PlacementScale = {
  sizes: [100, 1_000, 5_000].flatMap((hosts) => [20, 50].map((perHost) => ({ hosts, perHost }))),
  decisions: 2_000,
  warmUp: 500,
  runs: 3,
}

/** Shows that everything works; the figures mean nothing. */
export const QUICK: PlacementScale = {
  sizes: [20, 40].flatMap((hosts) => [5, 10].map((perHost) => ({ hosts, perHost }))),
  decisions: 60,
  warmUp: 20,
  runs: 1,
}

/** The size that the budgets are for. */
const JUDGED = '1000x50'
const PER_SECOND: Budget = { limit: 1_000, unit: '/s', atLeast: true }
const SLOWEST: Budget = { limit: 5, unit: 'ms' }
const TITLES: Readonly<Record<Kind, string>> = {
  plain: 'plain',
  anti: 'required anti-affinity',
  spread: 'topology spread over zones',
}
const LIMIT_MS = 600_000

const nameOf = ({ hosts, perHost }: Size): string => `${hosts}x${perHost}`
const sizeWords = ({ hosts, perHost }: Size): string => `${hosts} hosts with ${perHost} VMs each`

/** Sizes of one filling at the two largest numbers of hosts: what growth is told by. */
function growing({ sizes }: PlacementScale): readonly [Size, Size] | null {
  const most = Math.max(...sizes.map(({ perHost }) => perHost))
  const [large, small] = sizes.filter(({ perHost }) => perHost === most).toSorted((a, b) => b.hosts - a.hosts)
  return large === undefined || small === undefined ? null : [small, large]
}

/** The ids of all rows, in the order in which they are measured. */
export const placementRows = (scale: PlacementScale): readonly string[] => [
  ...scale.sizes.flatMap((size) => rowsOf(size)),
  ...(growing(scale) === null ? [] : KINDS.map((kind) => `growth.${kind}`)),
]

const rowsOf = (size: Size): readonly string[] => [
  ...KINDS.flatMap((kind) => [`${kind}.${nameOf(size)}`, `p99.${kind}.${nameOf(size)}`]),
  `heap.${nameOf(size)}`,
]

export async function* measurePlacement(scale: PlacementScale, wants: (id: string) => boolean): AsyncGenerator<Row> {
  const pair = growing(scale)
  const grows = KINDS.filter((kind) => wants(`growth.${kind}`))
  const means = new Map<string, number>()
  for (const size of scale.sizes) {
    const forGrowth = grows.length > 0 && pair !== null && pair.includes(size)
    if (!forGrowth && !rowsOf(size).some(wants)) continue
    const runs = await runsOf(size, scale)
    for (const kind of KINDS) {
      const each = runs.flatMap(({ kinds }) => kinds.filter((figures) => figures.kind === kind))
      means.set(`${kind}.${nameOf(size)}`, median(each.map(meanMs)))
      for (const row of [speed(size, kind, each), slowest(size, kind, each)]) if (wants(row.id)) yield row
    }
    const heap = heapRow(size, runs)
    if (wants(heap.id)) yield heap
  }
  if (pair !== null) for (const kind of grows) yield growth(kind, pair, means)
}

async function runsOf(size: Size, { runs, decisions, warmUp }: PlacementScale): Promise<readonly Figures[]> {
  const program = fileURLToPath(new URL('./subject.js', import.meta.url))
  const task: Task = { ...size, kinds: KINDS, decisions, warmUp }
  // One core: V8's helpers for garbage and compiling would use another one.
  const flags = ['--expose-gc', '--single-threaded', '--max-old-space-size=4096']
  const found: Figures[] = []
  for (let run = 0; run < runs; run += 1) {
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, program, JSON.stringify(task)], {
      timeout: LIMIT_MS,
      maxBuffer: 2 ** 26,
    })
    found.push(JSON.parse(stdout) as Figures)
  }
  return found
}

/** The core's time for a decision. */
const meanMs = ({ cpuMs, cpu }: KindFigures): number => cpuMs / cpu.length
/** By the clock. */
const clockMs = ({ wallMs, ms }: KindFigures): number => wallMs / ms.length
const spent = (runs: readonly KindFigures[]) => ({
  agentMs: runs.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
  loadMs: 0,
})

function speed(size: Size, kind: Kind, runs: readonly KindFigures[]): Row {
  const values = runs.map((run) => 1_000 / meanMs(run))
  const all = runs.flatMap(({ cpu }) => cpu)
  const clock = median(runs.map((run) => 1_000 / clockMs(run)))
  const refused = runs.reduce((sum, run) => sum + run.refused, 0)
  return {
    id: `${kind}.${nameOf(size)}`,
    what: `decisions in process in a second of one core, reasons kept, ${TITLES[kind]}: ${sizeWords(size)}`,
    budget: nameOf(size) === JUDGED ? PER_SECOND : null,
    unit: '/s',
    value: median(values),
    detail: `${all.length} decisions in ${runs.length} processes, ${refused} of them refused; median ${show(percentile(all, 50))} ms; by the clock ${show(clock)}/s`,
    values,
    samples: Object.fromEntries(runs.map(({ cpu }, index) => [`run ${index + 1}, ms`, cpu])),
    cpu: spent(runs),
  }
}

function slowest(size: Size, kind: Kind, runs: readonly KindFigures[]): Row {
  const values = runs.map(({ cpu }) => percentile(cpu, 99))
  const worst = Math.max(...runs.map(({ cpu }) => percentile(cpu, 100)))
  const clock = median(runs.map(({ ms }) => percentile(ms, 99)))
  return {
    id: `p99.${kind}.${nameOf(size)}`,
    what: `a core's time for one decision, p99, ${TITLES[kind]}: ${sizeWords(size)}`,
    budget: nameOf(size) === JUDGED ? SLOWEST : null,
    unit: 'ms',
    value: median(values),
    detail: `worst ${show(worst)} ms; p99 by the clock ${show(clock)} ms`,
    values,
    samples: {},
    cpu: spent(runs),
  }
}

function heapRow(size: Size, runs: readonly Figures[]): Row {
  const values = runs.map(({ heapMiB }) => heapMiB)
  const perVm = (median(values) * 1024) / (size.hosts * size.perHost)
  return {
    id: `heap.${nameOf(size)}`,
    what: `heap of the state with the facts of its VMs: ${sizeWords(size)}`,
    budget: null,
    unit: 'MiB',
    value: median(values),
    detail: `${show(perVm)} KiB per VM; filled in ${show(median(runs.map(({ fillMs }) => fillMs)))} ms`,
    values,
    samples: {},
    cpu: { agentMs: 0, loadMs: 0 },
  }
}

function growth(kind: Kind, [small, large]: readonly [Size, Size], means: ReadonlyMap<string, number>): Row {
  const [before, after] = [small, large].map((size) => means.get(`${kind}.${nameOf(size)}`) ?? Number.NaN)
  const value = (after ?? Number.NaN) / (before ?? Number.NaN)
  return {
    id: `growth.${kind}`,
    what: `a core's time for a decision, ${TITLES[kind]}, with ${large.hosts / small.hosts} times the hosts`,
    budget: null,
    unit: '×',
    value,
    detail: `${show(before ?? Number.NaN)} ms at ${sizeWords(small)}, ${show(after ?? Number.NaN)} ms at ${sizeWords(large)}`,
    values: [value],
    samples: {},
    cpu: { agentMs: 0, loadMs: 0 },
  }
}
