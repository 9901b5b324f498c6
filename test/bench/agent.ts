// The budgets of one host's agent, row by row. Rows that nobody asked for are not measured, nor is what only they need made.
import type { Row } from './figures.ts'
import type { Disk } from './guests.ts'
import { restarts } from './restart.ts'
import { atOnce, learn, manyStarts, oneStart, paced } from './starts.ts'
import { events, grow, idleCpu, idleMemory, memoryWith, removeMany, roomFor } from './steady.ts'
import { pick, type Scale, type World } from './world.ts'

/** Whether a row is asked for. */
export type Wants = (id: string) => boolean

const STARTS = ['start.0', 'burst', 'paced']
const AT_LEVEL = ['start', 'rss', 'cpu', 'event', 'restart']

const ofLevel = (level: number): readonly string[] => AT_LEVEL.map((kind) => `${kind}.${level}`)

/** The ids of all rows, in the order in which they are measured. */
export const agentRows = ({ levels }: Scale): readonly string[] => ['rss.0', ...STARTS, ...levels.flatMap(ofLevel)]

export async function* measureAgent(world: World, scale: Scale, wants: Wants): AsyncGenerator<Row> {
  // Of a fresh agent, so before anything else.
  if (wants('rss.0')) yield await idleMemory(world)
  if (!agentRows(scale).some((id) => id !== 'rss.0' && wants(id))) return
  const room = await roomFor(world)
  const counts = scale.levels.map((level) => Math.min(level, room))
  const disks = await world.guests.disks(Math.max(scale.burst, scale.paced, ...counts) + 1)
  world.say(`${disks.length} disks are ready`)
  const template = await learn(world, pick(disks, 0))
  if (wants('start.0'))
    yield await oneStart(world, { template, disk: pick(disks, 0), level: 0, pairs: scale.startPairs })
  if (wants('burst')) yield await manyStarts(world, template, disks, atOnce(scale))
  if (wants('paced')) yield await manyStarts(world, template, disks, paced(scale))
  let names: readonly string[] = []
  for (const level of scale.levels) {
    if (!ofLevel(level).some(wants)) continue
    const count = Math.min(level, room)
    if (count < level) world.say(`this machine's memory holds ${count} machines, not ${level}`)
    names = await grow(world, names, count, disks)
    const spare = pick(disks, disks.length - 1)
    yield* measureLevel({ world, scale, wants, level, names, spare, template })
  }
  await removeMany(world, names)
}

interface Level {
  readonly world: World
  readonly scale: Scale
  readonly wants: Wants
  /** As it is called; `names` may be fewer. */
  readonly level: number
  /** Machines that run. */
  readonly names: readonly string[]
  /** A disk of no machine. */
  readonly spare: Disk
  readonly template: Awaited<ReturnType<typeof learn>>
}

async function* measureLevel({ world, scale, wants, level, names, spare, template }: Level): AsyncGenerator<Row> {
  if (wants(`cpu.${level}`)) yield await idleCpu(world, names.length, level, scale)
  if (wants(`start.${level}`))
    yield await oneStart(world, { template, disk: spare, level, running: names.length, pairs: scale.besidePairs })
  if (wants(`event.${level}`)) yield await events(world, names, level, scale)
  if (wants(`rss.${level}`)) yield await memoryWith(world, names.length, level)
  if (wants(`restart.${level}`)) yield await restarts(world, names, level, scale)
}
