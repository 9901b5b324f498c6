// Rows about an agent at rest: memory and CPU with nothing and with many machines, and how fast a change in libvirt is seen.
import { setTimeout as sleep } from 'node:timers/promises'
import { type CpuSpent, median, percentile, type Row, show } from './figures.ts'
import type { Disk } from './guests.ts'
import { counted, residentMiB } from './process.ts'
import { pick, type Scale, type World } from './world.ts'

const SETTLE_MS = 5_000
/** Guests that were just started still ask for addresses: an idle agent is one whose machines have come to rest. */
const QUIET_MS = 20_000
const QUIET_LIMIT_MS = 300_000
/** What the agent reckons for a 32 MiB machine of one core, with QEMU's overhead; it refuses what the host cannot hold. */
const RECKONED_MIB = 136
const EVENT_TIMEOUT_MS = 30_000
const MEMORY_SAMPLES = 9
const MEMORY_EVERY_MS = 500
/** Width of the waves in which the machines of the steady rows are made and removed. */
const WAVE = 25

/** Resident memory of an agent that has just come up. Called first. */
export async function idleMemory(world: World, settleMs = SETTLE_MS): Promise<Row> {
  await sleep(settleMs)
  return memoryRow(world, {
    id: 'rss.0',
    what: 'agent RSS, idle',
    limit: 110,
    detail: 'a fresh agent without objects',
  })
}

/** Machines that the host holds beside the one that rows start and remove. */
export const roomFor = async ({ guests }: World): Promise<number> =>
  Math.floor((await guests.roomMiB()) / RECKONED_MIB) - 1

/** More machines, up to `count`; all running. */
export async function grow(
  world: World,
  running: readonly string[],
  count: number,
  disks: readonly Disk[],
): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, index) => `many-${index}`)
  for (let first = running.length; first < count; first += WAVE) {
    const wave = names.slice(first, first + WAVE)
    await Promise.all(wave.map((name, index) => world.guests.start(name, pick(disks, first + index))))
    world.say(`${first + wave.length} machines run`)
  }
  return names
}

export const memoryWith = (world: World, count: number, level: number): Promise<Row> =>
  memoryRow(world, {
    id: `rss.${level}`,
    what: `agent RSS, ${count} machines`,
    limit: 160,
    detail: 'after all that was measured before',
  })

/** CPU of the agent while nobody asks for anything, over the whole time: what comes once in a minute is in it. */
export async function idleCpu(world: World, count: number, level: number, scale: Scale): Promise<Row> {
  await world.seen.quiet(QUIET_MS, QUIET_LIMIT_MS)
  const seconds = scale.idleSeconds / scale.idleWindows
  const windows: CpuSpent[] = []
  for (let window = 0; window < scale.idleWindows; window++)
    windows.push((await counted(world.lab.agentPid, () => sleep(seconds * 1000))).cpu)
  const agentMs = windows.reduce((all, cpu) => all + cpu.agentMs, 0)
  return {
    id: `cpu.${level}`,
    what: `agent CPU, idle with ${count} machines`,
    budget: { limit: 1, unit: '% of a core' },
    value: agentMs / scale.idleSeconds / 10,
    detail: `${agentMs} ms of CPU in ${scale.idleSeconds} s`,
    values: windows.map((cpu) => cpu.agentMs / seconds / 10),
    samples: { agentMs: windows.map((cpu) => cpu.agentMs) },
    cpu: { agentMs, loadMs: windows.reduce((all, cpu) => all + cpu.loadMs, 0) },
  }
}

interface MemoryRow {
  readonly id: string
  readonly what: string
  readonly limit: number
  readonly detail: string
}

/** The median of some moments: a collection of garbage may lie between two of them. */
async function memoryRow(world: World, { id, what, limit, detail }: MemoryRow): Promise<Row> {
  const mib: number[] = []
  for (let sample = 0; sample < MEMORY_SAMPLES; sample++) {
    mib.push(residentMiB(world.lab.agentPid()))
    await sleep(MEMORY_EVERY_MS)
  }
  return {
    id,
    what,
    budget: { limit, unit: 'MiB' },
    value: median(mib),
    detail,
    values: mib,
    samples: { mib },
    cpu: { agentMs: 0, loadMs: 0 },
  }
}

/**
 * A bare client pauses and resumes a guest. From the moment at which this process has libvirt's event by a subscription
 * of its own until its API watch shows the phase.
 */
export async function events(world: World, names: readonly string[], level: number, scale: Scale): Promise<Row> {
  const [name = ''] = names
  const { libvirt, seen, guests } = world
  const { metadata } = await guests.get(name)
  const dom = { name: `default.${name}`, uuid: metadata.uid, id: -1 }
  const stop = new AbortController()
  const heard = libvirt.events('lifecycle', { signal: stop.signal, dom })
  await heard.ready
  const next = heard[Symbol.asyncIterator]()
  const latencies: number[] = []
  const change = async (call: 'DomainSuspend' | 'DomainResume', phase: string) => {
    const sight = seen.until(name, phase, EVENT_TIMEOUT_MS)
    const event = next.next().then(() => performance.now())
    await libvirt.call(call, { dom })
    latencies.push((await sight).at - (await event))
    await sleep(20)
  }
  const { cpu } = await counted(world.lab.agentPid, async () => {
    for (let pair = 0; pair < scale.events / 2; pair++) {
      await change('DomainSuspend', 'Pause')
      await change('DomainResume', 'Running')
    }
  })
  stop.abort()
  return {
    id: `event.${level}`,
    what: `lifecycle event in libvirt → watcher sees the new status, p99, ${names.length} machines`,
    budget: { limit: 20, unit: 'ms' },
    value: percentile(latencies, 99),
    detail: `${latencies.length} events: median ${show(median(latencies))} ms, worst ${show(Math.max(...latencies))} ms`,
    values: latencies,
    samples: { latencyMs: latencies },
    cpu,
  }
}

/** Removes machines in waves. */
export async function removeMany(world: World, names: readonly string[]): Promise<void> {
  for (let first = 0; first < names.length; first += WAVE) await world.guests.remove(names.slice(first, first + WAVE))
}
