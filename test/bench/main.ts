// The program behind scripts/bench. `agent` measures the budgets of one host's agent and needs root, libvirt and QEMU; `api` those of
// the API server alone, `placement` those of placement decisions, in process and through a scheduler's REST, `agents` what many agents cost
// a scheduler, `migration` those of live migration, with what `agent` needs; `report` writes what was measured into the documentation.
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { agentRows, measureAgent, type Wants } from './agent.ts'
import * as api from './api/bed.ts'
import { apiRows, measureApi } from './api/rows.ts'
import * as cluster from './cluster/rows.ts'
import { writeDocument } from './document.ts'
import { isWithin, type Row } from './figures.ts'
import { describeMachine, type Machine } from './machine.ts'
import { moveLabUp } from './migration/lab.ts'
import * as migration from './migration/rows.ts'
import * as placement from './placement/rows.ts'
import { table } from './report.ts'
import { belongs, type Report, readReport, type Suite, withRow, writeReport } from './results.ts'
import { FULL, QUICK, type Scale, withWorld } from './world.ts'

/** The checkout: this file runs as dist/test/bench/main.js. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const EXIT = { ok: 0, missed: 1, usage: 2 } as const
const SUITES: readonly Suite[] = ['agent', 'api', 'placement', 'agents', 'migration']
const USAGE = `scripts/bench agent|api|placement|agents|migration|all [--rows ROW,…] [--missing] [--runs N] [--quick] [--dir DIR]
scripts/bench report [--dir DIR]
  --rows ROW,…  only these (burst, cpu.50) or all of a kind (cpu); the others stay as they were measured
  --missing     only those that are not there yet: goes on with a run that was cut off
  --runs N      pairs of the slow rows burst and paced (5), and of moves (20)
  --quick       a smoke run with few samples; judges nothing
  --dir DIR     where the figures are: DIR/agent.json, DIR/api.json, … (bench-results)
report writes the figures into docs/performance.md and docs/performance.svg
`

type Say = (text: string) => void
type Take = (machine: Machine, rows: AsyncGenerator<Row>) => Promise<void>

interface Options {
  readonly rows: string | undefined
  readonly missing: boolean
  readonly quick: boolean
  readonly scale: Scale
  readonly moves: migration.MigrationScale
  readonly dir: string
}

/** Measures a suite's wanted rows; each is kept as soon as it is there. Null when there is no row, old or new. */
async function measure(suite: Suite, options: Options, say: Say): Promise<Report | null> {
  const { quick, scale, dir, rows } = options
  const path = `${dir}/${suite}.json`
  const order = {
    agent: agentRows(scale),
    api: apiRows,
    placement: [...placement.placementRows(clouds(quick)), ...cluster.restRows(clusters(quick))],
    agents: cluster.agentsRows,
    migration: migration.migrationRows,
  }[suite]
  const kinds = rows?.split(',').map((kind) => kind.trim())
  let known = readReport(path)
  const wants: Wants = (id) => {
    const asked = kinds === undefined || kinds.some((kind) => id === kind || id.startsWith(`${kind}.`))
    return asked && !(options.missing && known?.rows.some((row) => row.id === id))
  }
  const wanted = order.filter(wants)
  if (wanted.length > 0) say(`${suite}: ${wanted.join(' ')}`)
  const take: Take = async (machine, measured) => {
    const fits = known !== null && belongs(known, machine, quick)
    // A whole run begins anew; a part of one may stand only beside rows of the same machine.
    let report: Report = fits && known !== null ? known : { suite, quick, machine, rows: [] }
    if (known !== null && !fits) say(`${path} is of another machine or another kind of run, and is written anew`)
    let load = loadavg()[0] ?? 0
    for await (const row of measured) {
      report = withRow(report, { ...row, at: new Date().toISOString(), load }, order)
      writeReport(path, report)
      say(`${row.id}: ${row.detail}`)
      load = loadavg()[0] ?? 0
    }
    known = report
  }
  if (wanted.length > 0) await MEASURES[suite](options, wants, take, say)
  return known
}

const agent = ({ scale }: Options, wants: Wants, take: Take, say: Say) =>
  withWorld(ROOT, say, (world) => take(describeMachine(world.libvirt), measureAgent(world, scale, wants)))

const server = ({ quick }: Options, wants: Wants, take: Take, say: Say) =>
  api.withBed(quick ? api.QUICK : api.FULL, say, (bed) => take(describeMachine(), measureApi(bed, wants)))

const clouds = (quick: boolean): placement.PlacementScale => (quick ? placement.QUICK : placement.FULL)

const clusters = (quick: boolean): cluster.ClusterScale => (quick ? cluster.QUICK : cluster.FULL)

async function decisions({ quick }: Options, wants: Wants, take: Take, say: Say): Promise<void> {
  await take(describeMachine(), placement.measurePlacement(clouds(quick), wants))
  await take(describeMachine(), cluster.measureRest(clusters(quick), wants, { root: ROOT, say }))
}

const agents = ({ quick }: Options, wants: Wants, take: Take, say: Say) =>
  take(describeMachine(), cluster.measureAgents(clusters(quick), wants, { root: ROOT, say }))

async function moves({ moves: scale }: Options, wants: Wants, take: Take, say: Say): Promise<void> {
  const lab = await moveLabUp(ROOT)
  try {
    await take(describeMachine(lab.hosts[0].libvirt), migration.measureMigration(lab, scale, wants, say))
  } finally {
    await lab.down()
  }
}

const MEASURES = { agent, api: server, placement: decisions, agents, migration: moves } as const

function sayer(): Say {
  const begun = performance.now()
  return (text) => process.stderr.write(`[${((performance.now() - begun) / 1000).toFixed(1).padStart(7)}s] ${text}\n`)
}

function report(dir: string, say: Say): number {
  const reports = SUITES.flatMap((suite) => readReport(`${dir}/${suite}.json`) ?? [])
  if (reports.length === 0) throw new Error(`there are no figures in ${dir}: run scripts/bench all`)
  const plotted = writeDocument(ROOT, reports)
  say(
    `docs/performance.md is written; docs/performance.svg ${plotted ? 'too' : 'is not: it needs the figures of all its suites'}`,
  )
  return EXIT.ok
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: 'string' },
      missing: { type: 'boolean', default: false },
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      dir: { type: 'string', default: 'bench-results' },
    },
  })
  const [what = ''] = positionals
  const { rows, missing, quick, dir } = values
  const suites = SUITES.filter((suite) => what === suite || what === 'all')
  const runs = values.runs === undefined ? null : Number(values.runs)
  const wrong = runs !== null && !(Number.isInteger(runs) && runs > 0)
  if (positionals.length !== 1 || wrong || (suites.length === 0 && what !== 'report')) {
    process.stderr.write(USAGE)
    return EXIT.usage
  }
  const say = sayer()
  if (what === 'report') return report(dir, say)
  const scale = { ...(quick ? QUICK : FULL), ...(runs === null ? {} : { burstPairs: runs, pacedPairs: runs }) }
  const moveScale = { ...(quick ? migration.QUICK : migration.FULL), ...(runs === null ? {} : { pairs: runs }) }
  let [within, measured] = [true, 0]
  for (const suite of suites) {
    const done = await measure(suite, { rows, missing, quick, scale, moves: moveScale, dir }, say)
    if (done === null) continue
    measured += done.rows.length
    within &&= quick || done.rows.every(isWithin)
    process.stdout.write(`${table(done)}\n`)
  }
  if (measured === 0) throw new Error(`nothing was measured: no row is called ${rows}`)
  say(`${measured} figures are in ${dir}`)
  return within ? EXIT.ok : EXIT.missed
}

process.exitCode = await main()
