// The program behind scripts/bench. `agent` measures the budgets of one host's agent and needs root, libvirt and QEMU; `api` those of
// the API server alone.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as api from './api/bed.ts'
import { createDurably, getOne, listAll } from './api/requests.ts'
import { fanOut, manyWatches } from './api/watches.ts'
import { isWithin, type Row } from './figures.ts'
import { describeMachine } from './machine.ts'
import { type Report, table, writeReport } from './report.ts'
import { atOnce, learn, manyStarts, oneStart, paced } from './starts.ts'
import { events, idleMemory, removeMany, restWithMany, startMany } from './steady.ts'
import { FULL, pick, QUICK, type Scale, type World, withWorld } from './world.ts'

/** The checkout: this file runs as dist/test/bench/main.js. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const EXIT = { ok: 0, missed: 1, usage: 2 } as const
const USAGE = `scripts/bench agent|api [--quick] [--json FILE]
  --quick       a smoke run with few samples; judges nothing
  --json FILE   where the figures go (bench-results/SUITE.json)
`

type Say = (text: string) => void

async function measureAgent(world: World, scale: Scale): Promise<readonly Row[]> {
  const idle = await idleMemory(world)
  const disks = await world.guests.disks(Math.max(scale.burst, scale.paced, scale.many))
  world.say(`${disks.length} disks are ready`)
  const template = await learn(world, pick(disks, 0))
  const one = await oneStart(world, template, disks, scale)
  const burst = await manyStarts(world, template, disks, atOnce(scale))
  const pace = await manyStarts(world, template, disks, paced(scale))
  const names = await startMany(world, disks, scale)
  const rest = await restWithMany(world, names.length, scale)
  const event = await events(world, names[0] ?? '', scale)
  await removeMany(world, names)
  return [one, burst, pace, idle, ...rest, event]
}

async function measureApi(bed: api.Bed): Promise<readonly Row[]> {
  const one = await getOne(bed)
  const all = await listAll(bed)
  const single = await createDurably(bed, 1)
  const many = await createDurably(bed, 32)
  bed.say('requests are done, watches follow')
  return [one, single, many, all, await fanOut(bed), ...(await manyWatches(bed))]
}

const SUITES = {
  agent: (quick: boolean, say: Say) =>
    withWorld(ROOT, say, async (world) => ({
      machine: describeMachine(world.libvirt),
      rows: await measureAgent(world, quick ? QUICK : FULL),
    })),
  api: (quick: boolean, say: Say) =>
    api.withBed(quick ? api.QUICK : api.FULL, say, async (bed) => ({
      machine: describeMachine(),
      rows: await measureApi(bed),
    })),
}

const isSuite = (name: string | undefined): name is keyof typeof SUITES => name !== undefined && name in SUITES

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
  })
  const [suite] = positionals
  if (positionals.length !== 1 || !isSuite(suite)) {
    process.stderr.write(USAGE)
    return EXIT.usage
  }
  const { quick, json = `bench-results/${suite}.json` } = values
  const begun = performance.now()
  const say = (text: string) =>
    process.stderr.write(`[${((performance.now() - begun) / 1000).toFixed(1).padStart(7)}s] ${text}\n`)
  const at = new Date().toISOString()
  const report: Report = { suite, at, quick, ...(await SUITES[suite](quick, say)) }
  process.stdout.write(`${table(report)}\n`)
  writeReport(json, report)
  say(`the figures are in ${json}`)
  return quick || report.rows.every(isWithin) ? EXIT.ok : EXIT.missed
}

process.exitCode = await main()
