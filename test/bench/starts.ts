// Rows about starting: what the agent adds to one start, and how it keeps up with a bare client when many are asked for.
import { setTimeout as sleep } from 'node:timers/promises'
import { type BareDomain, copyOf, inParallel, type Template, templateOf } from './bare.ts'
import { median, percentile, type Row, show } from './figures.ts'
import type { Disk } from './guests.ts'
import { counted } from './process.ts'
import { pick, type Scale, type World } from './world.ts'

/** Calls that the agent has under way at most: its passes at a time, and its pool's four connections of four calls. */
const PARALLEL = 16
/** KubeVirt's own load test creates a machine this often. */
const PACE_MS = 100
const REST_MS = 300

/** A machine of the agent, whose definition the bare client copies; removed again. */
export async function learn(world: World, disk: Disk): Promise<Template> {
  await world.guests.start('template', disk)
  const { metadata } = await world.guests.get('template')
  const template = await templateOf(world.libvirt, metadata.uid, disk)
  await world.guests.remove(['template'])
  return template
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

interface OneStart {
  readonly template: Template
  /** Ready, and nobody's. */
  readonly disk: Disk
  /** Of the row; so many machines run beside it, or as many as the host holds. */
  readonly level: number
  readonly running?: number
  readonly pairs: number
}

/** POST → Running seen by a watch, less define + create by the bare client; one machine at a time, sides alternating. */
export async function oneStart(
  world: World,
  { template, disk, level, running: beside = 0, pairs }: OneStart,
): Promise<Row> {
  const { guests, bare } = world
  const [agentMs, bareMs]: [number[], number[]] = [[], []]
  const sides = [
    async (round: number) => {
      const begun = performance.now()
      const running = await guests.start(`one-${level}-${round}`, disk)
      agentMs.push(running.at - begun)
      await guests.remove([`one-${level}-${round}`])
    },
    async (round: number) => {
      const domain = copyOf(template, `bare-one-${level}-${round}`, disk)
      bareMs.push(await timed(() => bare.start(domain)))
      await bare.remove(domain)
    },
  ]
  const { cpu } = await counted(world.lab.agentPid, async () => {
    // The first pair warms both sides up.
    for (let round = 0; round <= pairs; round++) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        await sleep(REST_MS)
        await side(round)
      }
    }
  })
  agentMs.shift()
  bareMs.shift()
  const added = agentMs.map((ms, index) => ms - (bareMs[index] ?? 0))
  return {
    id: `start.${level}`,
    what: `added to one start (POST → Running seen, less bare define + create)${level === 0 ? '' : `, ${beside} machines run`}`,
    budget: { limit: 40, unit: 'ms' },
    value: median(added),
    detail: `${added.length} pairs: agent ${show(median(agentMs))} ms, bare ${show(median(bareMs))} ms; added p90 ${show(percentile(added, 90))} ms`,
    values: added,
    samples: { agentMs, bareMs },
    cpu,
  }
}

interface Load {
  readonly id: string
  readonly what: string
  readonly count: number
  readonly pairs: number
  /** 0: all at once. */
  readonly paceMs: number
}

export const atOnce = (scale: Scale): Load => ({
  id: 'burst',
  what: `${scale.burst} machines at once against the bare client`,
  count: scale.burst,
  pairs: scale.burstPairs,
  paceMs: 0,
})

export const paced = (scale: Scale): Load => ({
  id: 'paced',
  what: `${scale.paced} machines, one per ${PACE_MS} ms, against the bare client`,
  count: scale.paced,
  pairs: scale.pacedPairs,
  paceMs: PACE_MS,
})

/** Time until all run, through the agent and by the bare client at the same parallelism, sides alternating. */
export async function manyStarts(world: World, template: Template, disks: readonly Disk[], load: Load): Promise<Row> {
  const [agentMs, bareMs, ratios]: [number[], number[], number[]] = [[], [], []]
  const { cpu } = await counted(world.lab.agentPid, async () => {
    for (let round = 0; round < load.pairs; round++) {
      const sides = [
        async () => agentMs.push(await throughAgent(world, disks, load, round)),
        async () => bareMs.push(await byBareClient(world, template, disks, load, round)),
      ]
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        await sleep(REST_MS)
        await side()
      }
      world.say(`${load.what}: agent ${show(agentMs.at(-1) ?? 0)} ms, bare ${show(bareMs.at(-1) ?? 0)} ms`)
      ratios.push((agentMs.at(-1) ?? 0) / (bareMs.at(-1) ?? 0))
    }
  })
  return {
    id: load.id,
    what: load.what,
    budget: { limit: 1.1, unit: '×' },
    value: median(ratios),
    detail: `${load.pairs} pairs: agent ${show(median(agentMs))} ms, bare ${show(median(bareMs))} ms`,
    values: ratios,
    samples: { agentMs, bareMs, ratios },
    cpu,
  }
}

async function throughAgent({ guests }: World, disks: readonly Disk[], load: Load, round: number): Promise<number> {
  const names = Array.from({ length: load.count }, (_, index) => `${load.id}-${round}-${index}`)
  const begun = performance.now()
  const sights = await Promise.all(
    names.map(async (name, index) => {
      if (load.paceMs > 0) await sleep(index * load.paceMs)
      return guests.start(name, pick(disks, index))
    }),
  )
  await guests.remove(names)
  return Math.max(...sights.map(({ at }) => at)) - begun
}

async function byBareClient(
  { bare }: World,
  template: Template,
  disks: readonly Disk[],
  load: Load,
  round: number,
): Promise<number> {
  const domains = Array.from({ length: load.count }, (_, index) =>
    copyOf(template, `bare-${load.id}-${round}-${index}`, pick(disks, index)),
  )
  const start = (domain: BareDomain) => bare.start(domain)
  const ms = await timed(async () => {
    if (load.paceMs === 0) return inParallel(domains, PARALLEL, start)
    await Promise.all(
      domains.map(async (domain, index) => {
        await sleep(index * load.paceMs)
        await start(domain)
      }),
    )
  })
  await inParallel(domains, PARALLEL, (domain) => bare.remove(domain))
  return ms
}
