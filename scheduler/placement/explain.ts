// Answers PlacementExplanation: every host with its score, or with all that it has against the machine. Changes nothing.
import type { VirtualKind } from '../../lib/apiserver/virtual.ts'
import { ApiError } from '../../lib/errors.ts'
import { type Ask, type Cluster, explain, fitHosts, type HostVerdict } from '../../lib/placement/index.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import {
  type ExplainedHost,
  PLACEMENT_EXPLANATION,
  type PlacementExplanation,
} from '../../schemas/cluster/placementexplanation.ts'
import { type ClusterVmStatus, clusterStatusOf, type VirtualMachine } from '../../schemas/index.ts'
import { NODES, VMS } from '../../schemas/resources.ts'
import type { RefusedBinding } from '../binder/refusals.ts'
import { missingWords } from '../controllers/virtualmachine/missing.ts'
import { factsOf } from './facts.ts'
import type { PriorityOf } from './priorities.ts'

export interface ExplainDeps {
  readonly reader: Reader
  readonly cluster: Cluster
  readonly priorityOf: PriorityOf
  readonly refusals: (uid: string) => readonly RefusedBinding[]
}

type Question = Pick<PlacementExplanation, 'name' | 'machine' | 'whatIf'>

export const placementExplanation = (deps: ExplainDeps): VirtualKind => ({
  kind: PLACEMENT_EXPLANATION,
  audience: 'viewers',
  answer: ({ object, namespace }) => {
    const question = object as unknown as Question
    return { ...question, ...explained(question, namespace, deps) }
  },
})

/** @throws ApiError NotFound without the machine or a host of the what-if, BadRequest for a question about none or two */
export function explained(question: Question, namespace: string, deps: ExplainDeps) {
  const { reader, cluster, priorityOf, refusals } = deps
  const vm = machineOf(question, namespace, deps)
  const { placement, leaving = [] } = clusterStatusOf<ClusterVmStatus>(vm)
  const current = placement?.node ?? ''
  const not = new Map(
    refusals(vm.metadata.uid).map(({ node, message }) => [node, `it refused just now: ${message}`] as const),
  )
  const ask: Ask = {
    vm: factsOf(vm, reader, priorityOf(vm)),
    ...(current === '' ? {} : { current }),
    ...(not.size === 0 ? {} : { not }),
  }
  const { verdicts, byMove } = cluster.whatIf(() => {
    suppose(question, deps)
    return { verdicts: explain(cluster, ask), byMove: vm.status?.phase === 'Running' ? moveTargets(vm, ask, deps) : [] }
  })
  const hosts = verdicts.map(toHost)
  const [best] = hosts.filter(({ verdict }) => verdict === 'Accepted')
  const missing = missingWords(vm, reader)
  const waits =
    missing ?? (leaving.length > 0 ? `waits until ${leaving.map(({ node }) => node).join(', ')} has let it go` : null)
  const fit = hosts.filter(({ verdict }) => verdict === 'Accepted').length
  const outcome =
    best === undefined
      ? `0/${hosts.length} nodes can take it`
      : `${fit}/${hosts.length} nodes can take it, the best one is ${best.node}`
  const refused = new Set(hosts.flatMap(({ node, verdict }) => (verdict === 'Accepted' ? [] : node)))
  const only = byMove.filter((node) => refused.has(node))
  // Local disks keep a machine from a start elsewhere, and go along with a live move.
  const moves = only.length === 0 ? '' : `, a live move can take it to ${only.join(', ')}`
  const message = `${waits === null ? '' : `${waits}; `}${outcome}${moves}`
  return { node: best?.node ?? '', current, message, hosts }
}

/** Hosts to which it can move while it runs, the best first. */
function moveTargets(vm: VirtualMachine, ask: Ask, { reader, cluster, priorityOf }: ExplainDeps): readonly string[] {
  const runsOn = cluster.host(ask.current ?? '')?.facts
  if (runsOn === undefined) return []
  return fitHosts(cluster, { ...ask, vm: factsOf(vm, reader, { ...priorityOf(vm), runsOn }), migrate: true })
}

function machineOf({ name, machine }: Question, namespace: string, { reader }: ExplainDeps): VirtualMachine {
  if ((name === undefined) === (machine === undefined))
    throw new ApiError('BadRequest', 'give either the name of a virtual machine or a whole machine')
  if (machine !== undefined) {
    const isComplete =
      machine.kind === 'VirtualMachine' && machine.metadata?.uid && machine.spec?.cpu && machine.spec.memory
    if (!isComplete)
      throw new ApiError(
        'BadRequest',
        'machine must be a complete VirtualMachine, as a dry run of its creation answers it',
      )
    return machine
  }
  const vm = reader.get<VirtualMachine>(VMS, { namespace, name: name ?? '' })
  if (vm === null) throw new ApiError('NotFound', `virtualmachines "${name}" not found`, { name: name ?? '' })
  return vm
}

/** Inside of a what-if, which takes it back. */
function suppose({ whatIf = {} }: Question, { cluster, reader }: ExplainDeps): void {
  for (const name of [...(whatIf.down ?? []), ...(whatIf.cordon ?? [])]) {
    const host = cluster.host(name)
    if (host === null || reader.get(NODES, { namespace: '', name }) === null)
      throw new ApiError('NotFound', `nodes "${name}" not found`, { kind: 'nodes', name })
    const down = whatIf.down?.includes(name) === true
    cluster.upsertNode({
      ...host.facts,
      ...(down ? { notReady: 'it is down (what if)' } : { unschedulable: true }),
    })
  }
}

const toHost = (verdict: HostVerdict): ExplainedHost =>
  verdict.fit
    ? { node: verdict.node, verdict: 'Accepted', score: round(verdict.score), parts: roundAll(verdict.parts) }
    : { node: verdict.node, verdict: 'Refused', reasons: verdict.reasons.map(({ words }) => words) }

const DIGITS = 1000
const round = (value: number): number => Math.round(value * DIGITS) / DIGITS
const roundAll = (parts: Readonly<Record<string, number | undefined>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [] : [[name, round(value)]])),
  )
