// Rows of a real scheduler process with agents' stand-ins: placement through REST, and what five hundred agents cost it.
import { setTimeout as sleep } from 'node:timers/promises'
import { infoOf } from '../../../scheduler/links/watched.ts'
import { VIRTUAL_MACHINE, type VirtualMachine } from '../../../schemas/index.ts'
import { type Budget, percentile, type Row, show } from '../figures.ts'
import { cpuMs, residentMiB } from '../process.ts'
import { type Bed, type BedOptions, type BedSize, withBed } from './bed.ts'
import { type FleetFigures, SAID_AT, wallMs } from './fleet.ts'
import { allRun, newest, place } from './load.ts'
import { MACHINE_KINDS, type MachineKind } from './objects.ts'

export interface ClusterScale {
  readonly rest: {
    readonly sizes: readonly BedSize[]
    readonly machines: number
    readonly warmUp: number
    readonly clients: number
    /** Runs of each kind of decisions, one kind after the other and then all again. */
    readonly rounds: number
  }
  readonly agents: BedSize & {
    /** Seconds in which nothing is said but leases, and in which machines are told of. */
    readonly restSeconds: number
    readonly toldSeconds: number
    readonly toldPerSecond: number
  }
}

export const FULL: ClusterScale = {
  rest: {
    sizes: [
      { hosts: 100, perHost: 50 },
      { hosts: 1_000, perHost: 50 },
    ],
    machines: 2_000,
    warmUp: 1_000,
    clients: 128,
    rounds: 3,
  },
  agents: { hosts: 500, perHost: 20, restSeconds: 30, toldSeconds: 30, toldPerSecond: 50 },
}

/** Shows that everything works; the figures mean nothing. */
export const QUICK: ClusterScale = {
  rest: { sizes: [{ hosts: 10, perHost: 5 }], machines: 60, warmUp: 12, clients: 12, rounds: 2 },
  agents: { hosts: 10, perHost: 5, restSeconds: 6, toldSeconds: 3, toldPerSecond: 10 },
}

/** The size that the budget is for. */
const JUDGED = '1000x50'
const PER_SECOND: Budget = { limit: 300, unit: '/s', atLeast: true }
const TITLES: Readonly<Record<MachineKind, string>> = {
  plain: 'plain',
  anti: 'required anti-affinity',
  spread: 'topology spread over zones',
}

type Wants = (id: string) => boolean
/** The checkout, and who hears of progress. */
type Where = Pick<BedOptions, 'root' | 'say'>

const nameOf = ({ hosts, perHost }: BedSize): string => `${hosts}x${perHost}`
/** Of decisions alone, and of the whole way of a machine until it runs, with how long it waits for its place. */
const decidedRowOf = (size: BedSize, kind: MachineKind): string => `rest.decided.${kind}.${nameOf(size)}`
const wholeRowsOf = (size: BedSize, kind: MachineKind): readonly string[] => [
  `rest.${kind}.${nameOf(size)}`,
  `rest.p99.${kind}.${nameOf(size)}`,
]
const restRowsOf = (size: BedSize, kind: MachineKind): readonly string[] => [
  decidedRowOf(size, kind),
  ...wholeRowsOf(size, kind),
]

/** The ids of the rows of placement through REST. */
export const restRows = ({ rest: { sizes } }: ClusterScale): readonly string[] =>
  sizes.flatMap((size) => MACHINE_KINDS.flatMap((kind) => restRowsOf(size, kind)))

/** The ids of the rows with many agents. */
export const agentsRows: readonly string[] = [
  'agents.rss',
  'agents.cpu',
  'agents.status',
  'agents.status.p99',
  'agents.lease',
]

const sizeWords = ({ hosts, perHost }: BedSize): string => `${hosts} hosts with ${perHost} VMs each`

/** Each size has a bed of its own; its rows are given on when it is gone. */
export async function* measureRest({ rest }: ClusterScale, wants: Wants, where: Where): AsyncGenerator<Row> {
  for (const size of rest.sizes) {
    const kinds = MACHINE_KINDS.filter((kind) => restRowsOf(size, kind).some(wants))
    if (kinds.length === 0) continue
    const rows = await withBed({ ...where, ...size, pinned: true }, async (bed) => {
      await run(bed, 'plain', { ...rest, machines: rest.warmUp }, 'warm')
      const found = await decidedRows(
        bed,
        kinds.filter((kind) => wants(decidedRowOf(size, kind))),
        rest,
      )
      for (const kind of kinds) if (wholeRowsOf(size, kind).some(wants)) found.push(...(await placed(bed, kind, rest)))
      return found
    })
    for (const row of rows) if (wants(row.id)) yield row
  }
}

type RestScale = ClusterScale['rest']

/** Machines come, and all run. */
async function run(bed: Bed, kind: MachineKind, rest: RestScale, name: string) {
  const since = await newest(bed.client)
  const load = { ...rest, kind, name, since, until: 'running' as const }
  return await spent(bed, () => place(bed.client, bed.socket, load))
}

type Decided = Awaited<ReturnType<typeof decided>>

/** V8 looks through all of the heap now and then, for as long as a second: it comes to one run in some, whichever kind that is of. */
async function decidedRows(bed: Bed, kinds: readonly MachineKind[], rest: RestScale): Promise<Row[]> {
  const runs = new Map<MachineKind, Decided[]>(kinds.map((kind) => [kind, []]))
  for (let round = 1; round <= rest.rounds; round++)
    for (const [kind, of] of runs) of.push(await decided(bed, kind, rest, round))
  return [...runs].map(([kind, of]) => decidedRow(bed, kind, of, rest))
}

/** Machines come, and each is told to its host; what hosts say of them comes when it is measured no more. */
async function decided(bed: Bed, kind: MachineKind, rest: RestScale, round: number) {
  const { client, socket } = bed
  const { machines } = rest
  const name = `decided-${kind}-${round}`
  const since = await newest(client)
  const { puts } = await bed.fleet({ ask: 'hold' })
  const { result, cpu, fleet } = await spent(bed, async () => {
    const began = performance.now()
    await place(client, socket, { ...rest, kind, name, since, until: 'placed' })
    await bed.fleet({ ask: 'bound', puts: puts + machines })
    return { boundMs: performance.now() - began }
  })
  await bed.fleet({ ask: 'goOn' })
  await allRun(client, name, machines)
  return { cpu, boundMs: result.boundMs, renewals: fleet.leaseMs.length }
}

/** Of all its runs together: what comes to one of them now and then is shared out. */
function decidedRow(bed: Bed, kind: MachineKind, runs: readonly Decided[], { machines, clients }: RestScale): Row {
  const sum = (of: (run: Decided) => number) => runs.reduce((all, run) => all + of(run), 0)
  const cpu = { agentMs: sum((run) => run.cpu.agentMs), loadMs: sum((run) => run.cpu.loadMs) }
  const all = machines * runs.length
  const values = runs.map((run) => machines / (run.cpu.agentMs / 1_000))
  return {
    id: decidedRowOf(bed, kind),
    what:
      `decisions through REST in a second of the scheduler's core: POST, decision and binding, each on disk, and told to the host; what hosts then say of ` +
      `it is not in this row, ${TITLES[kind]}: ${sizeWords(bed)}`,
    budget: nameOf(bed) === JUDGED ? PER_SECOND : null,
    unit: '/s',
    value: all / (cpu.agentMs / 1_000),
    detail:
      `${runs.length} × ${machines} machines by ${clients} clients (${values.map(show).join(', ')}/s); ${show(cpu.agentMs / all)} ms of the scheduler's CPU ` +
      `each, with ${show(sum(({ renewals }) => renewals) / all)} renewals of leases; by the clock ${show(all / (sum(({ boundMs }) => boundMs) / 1_000))}/s`,
    values,
    samples: {},
    cpu,
  }
}

async function placed(bed: Bed, kind: MachineKind, rest: RestScale): Promise<readonly Row[]> {
  const { result, cpu, fleet } = await run(bed, kind, rest, kind)
  const { ms, placedMs, acceptedMs, allMs } = result
  const [speedId = '', slowestId = ''] = wholeRowsOf(bed, kind)
  const common = { values: [], cpu }
  return [
    {
      id: speedId,
      what:
        `machines through REST until they run in a second of the scheduler's core: all of the row of decisions, and all that their hosts then say of them, ` +
        `${TITLES[kind]}: ${sizeWords(bed)}`,
      budget: null,
      unit: '/s',
      value: rest.machines / (cpu.agentMs / 1_000),
      detail:
        `${rest.machines} machines by ${rest.clients} clients; ${show(cpu.agentMs / rest.machines)} ms of the scheduler's CPU each, with ` +
        `${show(fleet.leaseMs.length / rest.machines)} renewals of leases; by the clock ${show(rest.machines / (ms / 1_000))}/s placed, all seen running ` +
        `after ${show(allMs / 1000)} s; ${show(fleet.cpuMs / rest.machines)} ms of the fleet's CPU each; ${show(residentMiB(bed.pid))} MiB`,
      samples: {},
      ...common,
    },
    {
      id: slowestId,
      what: `POST sent → its place is on disk and a watch shows it, p99 of ${rest.clients} clients at once, ${TITLES[kind]}: ${sizeWords(bed)}`,
      budget: null,
      unit: 'ms',
      value: percentile(placedMs, 99),
      detail: `median ${show(percentile(placedMs, 50))} ms; POST answered: median ${show(percentile(acceptedMs, 50))} ms, p99 ${show(percentile(acceptedMs, 99))} ms`,
      samples: { 'placed, ms': placedMs },
      ...common,
    },
  ]
}

export async function* measureAgents({ agents }: ClusterScale, wants: Wants, where: Where): AsyncGenerator<Row> {
  if (!agentsRows.some(wants)) return
  const rows = await withBed({ ...where, ...agents, pinned: true }, async (bed) => {
    const idle = await spent(bed, () => sleep(agents.restSeconds * 1000))
    const rss = residentMiB(bed.pid)
    const told = await spent(bed, () => follow(bed, agents))
    return agentsFigures(agents, rss, idle, told)
  })
  for (const row of rows) if (wants(row.id)) yield row
}

type Spent<T> = Awaited<ReturnType<typeof spent<T>>>

function agentsFigures(
  agents: ClusterScale['agents'],
  rss: number,
  idle: Spent<void>,
  told: Spent<readonly number[]>,
): readonly Row[] {
  const size = sizeWords(agents)
  const lost = agents.toldPerSecond * agents.toldSeconds - told.result.length
  const common = { budget: null, values: [], samples: {}, cpu: told.cpu }
  const share = (cpu: number, seconds: number) => (100 * cpu) / (seconds * 1000)
  const leases = [...idle.fleet.leaseMs, ...told.fleet.leaseMs]
  return [
    {
      ...common,
      id: 'agents.rss',
      what: `scheduler RSS, ${size}`,
      unit: 'MiB',
      value: rss,
      detail: 'nothing is asked for; eight watches of each agent are open',
      cpu: idle.cpu,
    },
    {
      ...common,
      id: 'agents.cpu',
      what: `scheduler CPU, nothing is asked for, ${size}`,
      unit: '% of a core',
      value: share(idle.cpu.agentMs, agents.restSeconds),
      detail: `${agents.restSeconds} s with ${idle.fleet.leaseMs.length} renewals of leases; with ${agents.toldPerSecond} statuses a second ${show(share(told.cpu.agentMs, agents.toldSeconds))} %`,
      cpu: idle.cpu,
    },
    {
      ...common,
      id: 'agents.status',
      what: `an agent writes a status → a watch at the scheduler shows it, median, ${size}`,
      unit: 'ms',
      value: percentile(told.result, 50),
      detail: `${told.result.length} statuses, ${agents.toldPerSecond} a second over all hosts; ${lost} were overtaken by a newer one`,
      samples: { 'status, ms': told.result },
    },
    {
      ...common,
      id: 'agents.status.p99',
      what: 'the same, p99',
      unit: 'ms',
      value: percentile(told.result, 99),
      detail: `worst ${show(percentile(told.result, 100))} ms; the fleet spent ${show(told.fleet.cpuMs)} ms of CPU`,
    },
    {
      ...common,
      id: 'agents.lease',
      what: 'renewal of a lease, p99, meanwhile',
      unit: 'ms',
      value: percentile(leases, 99),
      detail: `${leases.length} renewals, median ${show(percentile(leases, 50))} ms, ${told.fleet.leasesRefused} refused or lost`,
    },
  ]
}

/** From each word of an agent to the watch of a client at the scheduler, in ms. */
async function follow(bed: Bed, { toldPerSecond, toldSeconds }: ClusterScale['agents']): Promise<readonly number[]> {
  const info = infoOf(VIRTUAL_MACHINE)
  const { resourceVersion } = await bed.client.objects.list(info, {})
  const over = new AbortController()
  const seen: number[] = []
  const known = new Set<string>()
  const watching = (async () => {
    for await (const { object } of bed.client.objects.watch<VirtualMachine>(info, {}, resourceVersion, {
      signal: over.signal,
    })) {
      const words = object.status?.conditions?.find(({ type }) => type === 'Running')?.message ?? ''
      if (!words.startsWith(SAID_AT) || known.has(words)) continue
      known.add(words)
      seen.push(wallMs() - Number(words.slice(SAID_AT.length)))
    }
  })()
  watching.catch(() => undefined)
  await bed.fleet({ ask: 'tell', perSecond: toldPerSecond, seconds: toldSeconds })
  const wanted = toldPerSecond * toldSeconds
  for (let waited = 0; seen.length < wanted && waited < 10_000; waited += 100) await sleep(100)
  over.abort(new Error('all is seen'))
  await watching.catch(() => undefined)
  if (seen.length === 0) throw new Error('no status came up')
  return seen
}

/** Runs `work` and says what it cost the scheduler, this process and the fleet. */
async function spent<T>(bed: Bed, work: () => Promise<T>) {
  const before = { agent: cpuMs(bed.pid), load: process.cpuUsage(), fleet: await bed.fleet({ ask: 'figures' }) }
  const result = await work()
  const load = process.cpuUsage(before.load)
  const after = await bed.fleet({ ask: 'figures' })
  const fleet: FleetFigures = {
    ...after,
    cpuMs: after.cpuMs - before.fleet.cpuMs,
    leasesRefused: after.leasesRefused - before.fleet.leasesRefused,
  }
  return {
    result,
    fleet,
    cpu: { agentMs: cpuMs(bed.pid) - before.agent, loadMs: (load.user + load.system) / 1000 + fleet.cpuMs },
  }
}
