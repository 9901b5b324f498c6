// The program behind scripts/bench: `agent` measures the budgets of one host's agent. Needs root, libvirt and QEMU.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isWithin, type Row } from './figures.ts'
import { describeMachine } from './machine.ts'
import { type Report, table, writeReport } from './report.ts'
import { atOnce, learn, manyStarts, oneStart, paced } from './starts.ts'
import { events, idleMemory, removeMany, restWithMany, startMany } from './steady.ts'
import { FULL, pick, QUICK, type Scale, type World, withWorld } from './world.ts'

/** The checkout: this file runs as dist/test/bench/main.js. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const EXIT = { ok: 0, missed: 1, usage: 2 } as const
const USAGE = `scripts/bench agent [--quick] [--json FILE]
  --quick       a smoke run with few samples; judges nothing
  --json FILE   where the figures go (bench-results/agent.json)
`

async function measure(world: World, scale: Scale): Promise<readonly Row[]> {
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

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: 'bench-results/agent.json' },
    },
  })
  if (positionals.length !== 1 || positionals[0] !== 'agent') {
    process.stderr.write(USAGE)
    return EXIT.usage
  }
  const { quick, json } = values
  const begun = performance.now()
  const say = (text: string) =>
    process.stderr.write(`[${((performance.now() - begun) / 1000).toFixed(1).padStart(7)}s] ${text}\n`)
  const report = await withWorld(ROOT, say, async (world): Promise<Report> => {
    const machine = describeMachine(world.libvirt)
    const at = new Date().toISOString()
    return { suite: 'agent', at, quick, machine, rows: await measure(world, quick ? QUICK : FULL) }
  })
  process.stdout.write(`${table(report)}\n`)
  writeReport(json, report)
  say(`the figures are in ${json}`)
  return quick || report.rows.every(isWithin) ? EXIT.ok : EXIT.missed
}

process.exitCode = await main()
