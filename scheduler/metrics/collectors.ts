// What a scrape asks of the scheduler beside what every server has.
import { getCondition } from '../../lib/conditions.ts'
import type { Collector } from '../../lib/metrics/metrics.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { OverloadWatch } from '../../lib/server/overload.ts'
import { type ClusterVmStatus, clusterStatusOf, type Node, openMigration } from '../../schemas/index.ts'
import { NODES } from '../../schemas/resources.ts'
import type { Waits } from '../controllers/virtualmachine/waits.ts'
import { MOVING, MOVING_VMS } from '../indexes.ts'
import type { Links } from '../links/links.ts'
import type { Ruler, RulerState } from '../links/ruler.ts'
import { FROZEN, HOSTS, LINKS, MOVES_RUNNING, OVERLOADED, RULE, WAITING } from './catalogue.ts'

export interface ClusterCollectorDeps {
  readonly reader: Reader
  readonly members: { nodes(): readonly string[] }
  readonly hosting: {
    readonly ruler: Pick<Ruler, 'state'>
    readonly agents: Pick<Links, 'view'>
    readonly machines: { readonly waits: Pick<Waits, 'counts'> }
  }
}

const RULES: readonly RulerState['kind'][] = ['claiming', 'ruling', 'superseded', 'outdated']
/** The worst first. */
const HOST_STATES = ['dead', 'lost', 'unready', 'cordoned', 'ready'] as const
export type HostState = (typeof HOST_STATES)[number]

export const clusterCollector = ({ reader, members, hosting }: ClusterCollectorDeps): Collector => ({
  name: 'cluster',
  collect: (sink) => {
    for (const state of RULES) sink.add(RULE, { state }, Number(hosting.ruler.state.kind === state))
    for (const [reason, count] of hosting.machines.waits.counts()) sink.add(WAITING, { reason }, count)
    const names = members.nodes()
    const nodes = names.map((name) => reader.get<Node>(NODES, { namespace: '', name }))
    const states = nodes.map(hostState)
    for (const state of HOST_STATES) sink.add(HOSTS, { state }, states.filter((one) => one === state).length)
    const up = names.filter((name) => hosting.agents.view(name)?.inSync === true).length
    sink.add(LINKS, { state: 'up' }, up)
    sink.add(LINKS, { state: 'down' }, names.length - up)
    const frozen = nodes.some((node) => getCondition(node?.status?.conditions, 'HostDead')?.reason === 'FailoverFrozen')
    sink.add(FROZEN, {}, Number(frozen))
    for (const [phase, count] of movesByPhase(reader)) sink.add(MOVES_RUNNING, { phase }, count)
  },
})

export const overloadCollector = (load: Pick<OverloadWatch, 'overload'>): Collector => ({
  name: 'overload',
  collect: (sink) => sink.add(OVERLOADED, {}, Number(load.overload() !== null)),
})

/** The worst that is so of a host. */
export function hostState(node: Pick<Node, 'spec' | 'status'> | null): HostState {
  const conditions = node?.status?.conditions
  const dead = getCondition(conditions, 'HostDead')
  if (dead !== undefined) return dead.status === 'True' ? 'dead' : 'lost'
  if (getCondition(conditions, 'Ready')?.status !== 'True') return 'unready'
  return node?.spec?.unschedulable === true ? 'cordoned' : 'ready'
}

function movesByPhase(reader: Reader): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const vm of reader.byIndex(MOVING_VMS, MOVING)) {
    const open = openMigration(clusterStatusOf<ClusterVmStatus>(vm))
    if (open !== null) counts.set(open.phase, (counts.get(open.phase) ?? 0) + 1)
  }
  return counts
}
