// The budgets of live migration: the same guest by an operation of the cluster and by `virsh migrate`, in turn, between the same two hosts.
import { setTimeout as sleep } from 'node:timers/promises'
import { type CpuSpent, median, percentile, type Row, show } from '../figures.ts'
import { BerthGuest, type BerthMove, type Phases } from './berth-guest.ts'
import type { MoveLab } from './lab.ts'
import { Pauses } from './pauses.ts'
import { VirshGuest, type VirshMove } from './virsh-guest.ts'

export interface MigrationScale {
  readonly pairs: number
}

export const FULL: MigrationScale = { pairs: 20 }
/** Shows that everything works; the figures mean nothing. */
export const QUICK: MigrationScale = { pairs: 2 }

const DISKS = ['shared', 'local'] as const
type Disks = (typeof DISKS)[number]
const DISK_WORDS: Readonly<Record<Disks, string>> = { shared: 'shared disk', local: 'local disk' }
const KINDS = ['total', 'downtime', 'agents', 'failed'] as const
/**
 * Before each move. Memory that a QEMU has freed goes back to the hypervisor of this machine some 2 s later (free page reporting): a move that
 * begins sooner finds it still there and is faster by up to 200 ms, and which side that is would depend on the order.
 */
const REST_MS = 4_000

/** The ids of all rows, in the order in which they are measured. */
export const migrationRows: readonly string[] = DISKS.flatMap((disks) => KINDS.map((kind) => `${kind}.${disks}`))

interface Pair {
  readonly berth: BerthMove
  readonly virsh: VirshMove
}

interface Measured {
  readonly disks: Disks
  /** In which both moves went well. */
  readonly good: readonly Pair[]
  readonly faults: { readonly berth: readonly string[]; readonly virsh: readonly string[] }
  readonly moves: number
  readonly cpu: CpuSpent
}

export async function* measureMigration(
  lab: MoveLab,
  scale: MigrationScale,
  wants: (id: string) => boolean,
  say: (text: string) => void,
): AsyncGenerator<Row> {
  for (const disks of DISKS) {
    if (!KINDS.some((kind) => wants(`${kind}.${disks}`))) continue
    const measured = await measure(lab, disks, scale, say)
    yield* rowsOf(measured).filter(({ id }) => wants(id))
  }
}

async function measure(
  lab: MoveLab,
  disks: Disks,
  { pairs }: MigrationScale,
  say: (text: string) => void,
): Promise<Measured> {
  const pauses = new Pauses()
  await pauses.start(lab.hosts)
  const berth = new BerthGuest(lab, pauses, `bench-${disks}`)
  const virsh = new VirshGuest(lab, pauses, disks === 'shared')
  try {
    await berth.boot(disks === 'shared')
    await virsh.boot(berth.way[0], berth.uid)
    say(`${disks}: both guests count`)
    const all: Pair[] = []
    let spent: CpuSpent = { agentMs: 0, loadMs: 0 }
    // The first two bring each guest to each host: the image's content is there from then on, as after any earlier use.
    for (let round = -2; round < pairs; round++) {
      const before = { agentMs: lab.berthCpuMs(), load: process.cpuUsage() }
      const pair = await inTurn(round % 2 === 0, berth, virsh)
      const load = process.cpuUsage(before.load)
      const { phases, fault } = pair.berth
      say(
        `${disks} ${round}: Berth ${show(phases.completed)} ms, pause ${showOr(pair.berth.pauseMs)}${words(fault)}; virsh ${show(pair.virsh.totalMs)} ms, pause ${showOr(pair.virsh.pauseMs)}${words(pair.virsh.fault)}`,
      )
      if (round < 0) continue
      all.push(pair)
      spent = {
        agentMs: spent.agentMs + lab.berthCpuMs() - before.agentMs,
        loadMs: spent.loadMs + (load.user + load.system) / 1000,
      }
    }
    return {
      disks,
      good: all.filter(({ berth: one, virsh: other }) => one.fault === null && other.fault === null),
      faults: {
        berth: all.flatMap(({ berth: { fault } }) => fault ?? []),
        virsh: all.flatMap(({ virsh: { fault } }) => fault ?? []),
      },
      moves: pairs,
      cpu: spent,
    }
  } finally {
    await berth.remove()
    await virsh.remove()
    await pauses.stop()
  }
}

async function inTurn(berthLast: boolean, berth: BerthGuest, virsh: VirshGuest): Promise<Pair> {
  const byVirsh = async () => {
    await sleep(REST_MS)
    return await virsh.move()
  }
  const first = berthLast ? await byVirsh() : null
  await sleep(REST_MS)
  const byBerth = await berth.move()
  return { berth: byBerth, virsh: first ?? (await byVirsh()) }
}

const showOr = (value: number | null): string => (value === null ? 'not seen' : `${show(value)} ms`)
const words = (fault: string | null): string => (fault === null ? '' : ` FAILED: ${fault}`)

function rowsOf(measured: Measured): readonly Row[] {
  const { disks, good } = measured
  // A pair without a figure is no pair of that row; how many there are stands in its detail.
  const rows = good.length === 0 ? [] : [total(measured), ...downtime(measured), agents(measured)]
  return [...rows, failed(disks, measured)]
}

function total({ disks, good, cpu }: Measured): Row {
  const [berthMs, virshMs] = [good.map(({ berth }) => berth.phases.completed), good.map(({ virsh }) => virsh.totalMs)]
  const ratios = berthMs.map((ms, at) => ms / (virshMs[at] ?? Number.NaN))
  return {
    id: `total.${disks}`,
    what: `live migration, ${DISK_WORDS[disks]}: operation created → completed, against virsh migrate`,
    budget: { limit: 1.15, unit: '×' },
    value: median(ratios),
    detail: `${good.length} pairs: Berth ${show(median(berthMs))} ms, virsh ${show(median(virshMs))} ms, p90 ${show(percentile(berthMs, 90))} and ${show(percentile(virshMs, 90))} ms; ${steps(good.map(({ berth }) => berth.phases))}`,
    values: ratios,
    samples: { berthMs, virshMs },
    cpu,
  }
}

/** Where the time goes: medians of what passed between two phases. */
function steps(moves: readonly Phases[]): string {
  const between = (from: (phases: Phases) => number, to: (phases: Phases) => number) =>
    show(median(moves.map((phases) => to(phases) - from(phases))))
  return [
    `prepared ${between(
      () => 0,
      ({ prepared }) => prepared,
    )}`,
    `begun ${between(
      ({ prepared }) => prepared,
      ({ transferring }) => transferring,
    )}`,
    `stopped ${between(
      ({ transferring }) => transferring,
      ({ stopped }) => stopped,
    )}`,
    `runs ${between(
      ({ stopped }) => stopped,
      ({ ran }) => ran,
    )}`,
    `cleaned ${between(
      ({ ran }) => ran,
      ({ cleaned }) => cleaned,
    )}`,
    `told ${between(
      ({ cleaned }) => cleaned,
      ({ completed }) => completed,
    )} ms`,
  ].join(', ')
}

function downtime({ disks, good, cpu }: Measured): readonly Row[] {
  const seen = good.filter(({ berth, virsh }) => berth.pauseMs !== null && virsh.pauseMs !== null)
  if (seen.length === 0) return []
  const [berthMs, virshMs] = [seen.map(({ berth }) => berth.pauseMs ?? 0), seen.map(({ virsh }) => virsh.pauseMs ?? 0)]
  const longer = berthMs.map((ms, at) => ms - (virshMs[at] ?? Number.NaN))
  const told = (values: readonly (number | null)[]): readonly number[] => values.flatMap((value) => value ?? [])
  const toldBerthMs = told(good.map(({ berth }) => berth.toldPauseMs))
  const toldVirshMs = told(good.map(({ virsh }) => virsh.toldPauseMs))
  const toldWords = [toldBerthMs, toldVirshMs].map((values) =>
    values.length === 0 ? 'none' : `${show(median(values))} ms`,
  )
  return [
    {
      id: `downtime.${disks}`,
      what: `pause of the guest, ${DISK_WORDS[disks]}: Berth's less that of virsh migrate`,
      budget: { limit: 20, unit: 'ms' },
      value: median(longer),
      detail: `${seen.length} pairs by libvirt's events: Berth ${show(median(berthMs))} ms, virsh ${show(median(virshMs))} ms; told by the target ${toldWords[0]}, by domjobinfo ${toldWords[1]}`,
      values: longer,
      samples: { berthMs, virshMs, toldBerthMs, toldVirshMs },
      cpu,
    },
  ]
}

function agents({ disks, good, cpu }: Measured): Row {
  const agentsMs = good.map(({ berth: { phases } }) => phases.cleaned - phases.transferring)
  const virshMs = good.map(({ virsh }) => virsh.totalMs)
  const ratios = agentsMs.map((ms, at) => ms / (virshMs[at] ?? Number.NaN))
  const besides = good.map(({ berth: { phases } }) => phases.completed - phases.cleaned + phases.transferring)
  return {
    id: `agents.${disks}`,
    what: `the agents' part alone, ${DISK_WORDS[disks]}: transfer begun → source cleaned, against virsh migrate`,
    budget: null,
    unit: '×',
    value: median(ratios),
    detail: `agents ${show(median(agentsMs))} ms; preparation and the scheduler ${show(median(besides))} ms`,
    values: ratios,
    samples: { agentsMs, besidesMs: besides },
    cpu,
  }
}

function failed(disks: Disks, { faults, moves, cpu }: Measured): Row {
  const list = [...faults.berth.map((fault) => `Berth: ${fault}`), ...faults.virsh.map((fault) => `virsh: ${fault}`)]
  return {
    id: `failed.${disks}`,
    what: `moves that failed or after which the guest did not count on, ${DISK_WORDS[disks]}`,
    budget: { limit: 0, unit: 'moves' },
    value: faults.berth.length,
    detail: `of ${moves}; of virsh ${faults.virsh.length}${list.length === 0 ? '' : `; ${[...new Set(list)].join('; ')}`}`,
    values: [faults.berth.length],
    samples: {},
    cpu,
  }
}
