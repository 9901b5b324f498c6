// Row about a restart: the agent is killed, guests change behind its back, and a new one must find out.
import { setTimeout as sleep } from 'node:timers/promises'
import { median, type Row, show } from './figures.ts'
import { ageMs, cpuMs } from './process.ts'
import type { Scale, World } from './world.ts'

/** Guests that a bare client pauses while nobody looks: each tells that the new agent has looked at it. */
const CHANGED = 10
const RIGHT_MS = 60_000
const POLL_MS = 20
/** A question for all statuses costs the agent itself some milliseconds. */
const ASK_MS = 200
const SETTLE_MS = 2_000

/** From the new process's start until the API shows every machine as it is. */
export async function restarts(world: World, names: readonly string[], level: number, scale: Scale): Promise<Row> {
  const times: number[] = []
  let agentMs = 0
  for (let round = 0; round < scale.restarts; round++) {
    await sleep(SETTLE_MS)
    const { ms, cpu } = await restart(world, names)
    times.push(ms)
    agentMs += cpu
  }
  return {
    id: `restart.${level}`,
    what: `restart of the agent with ${names.length} running machines, until all statuses are right`,
    budget: { limit: 3_000, unit: 'ms' },
    value: median(times),
    detail: `${times.length} times killed, ${Math.min(CHANGED, names.length)} machines paused meanwhile; worst ${show(Math.max(...times))} ms; no guest touched`,
    values: times,
    samples: { ms: times },
    cpu: { agentMs, loadMs: 0 },
  }
}

async function restart(world: World, names: readonly string[]): Promise<{ readonly ms: number; readonly cpu: number }> {
  const { lab } = world
  const doms = await domainsOf(world, names)
  const running = await runsOf(world)
  const old = lab.agentPid()
  process.kill(old, 'SIGKILL')
  await until('the agent to end', async () => lab.runningAgent() !== old)
  // Of all places in the order in which the new agent looks: the first and the last too.
  const changed = pickEvenly(names, CHANGED)
  await Promise.all(changed.map((name) => world.libvirt.call('DomainSuspend', { dom: domOf(doms, name) })))
  if (lab.runningAgent() !== null) world.say('the agent came back before all guests were paused')
  const wanted = new Map(names.map((name) => [name, changed.includes(name) ? 'Pause' : 'Running']))
  await until('all statuses to be right', async () => areRight(await world.guests.phases(), wanted), ASK_MS)
  const pid = lab.agentPid()
  const result = { ms: ageMs(pid), cpu: cpuMs(pid) }
  if ((await runsOf(world)) !== running) throw new Error('a guest was started anew by the restart of the agent')
  await Promise.all(changed.map((name) => world.seen.until(name, 'Pause', RIGHT_MS)))
  const resumed = changed.map((name) => world.seen.until(name, 'Running', RIGHT_MS))
  await Promise.all(changed.map((name) => world.libvirt.call('DomainResume', { dom: domOf(doms, name) })))
  await Promise.all(resumed)
  return result
}

type Dom = { readonly name: string; readonly uuid: string; readonly id: number }

async function domainsOf({ guests }: World, names: readonly string[]): Promise<ReadonlyMap<string, Dom>> {
  const all = await guests.uids()
  return new Map(names.map((name) => [name, { name: `default.${name}`, uuid: all.get(name) ?? '', id: -1 }]))
}

function domOf(doms: ReadonlyMap<string, Dom>, name: string): Dom {
  const dom = doms.get(name)
  if (dom === undefined) throw new Error(`${name} has no domain`)
  return dom
}

/** libvirt numbers each run of a domain anew. */
async function runsOf({ libvirt }: World): Promise<string> {
  const { domains } = await libvirt.call('ConnectListAllDomains', { needResults: 1, flags: 0 })
  return domains
    .map(({ name, id }) => `${name} ${id}`)
    .toSorted()
    .join('\n')
}

const areRight = (phases: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): boolean =>
  [...wanted].every(([name, phase]) => phases.get(name) === phase)

/** So many of a list, its first and its last among them. */
const pickEvenly = (names: readonly string[], count: number): readonly string[] => {
  if (names.length <= count) return names
  const places = Array.from({ length: count }, (_, index) => Math.round((index * (names.length - 1)) / (count - 1)))
  return names.filter((_, index) => places.includes(index))
}

async function until(what: string, met: () => Promise<boolean>, everyMs = POLL_MS): Promise<void> {
  const deadline = performance.now() + RIGHT_MS
  // While the agent is away every question fails.
  while (!(await met().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`waited too long for ${what}`)
    await sleep(everyMs)
  }
}
