// The named points at which a scheduler of tests can be killed: after each kind of commit, before and after a host is powered off, and after
// each step of its authority.
import type { KubeObject } from '../../lib/object.ts'
import type { Change } from '../../lib/store/store.ts'
import { USED_BY } from '../../scheduler/membership/join-tokens.ts'
import { CERTIFICATE } from '../../scheduler/membership/node-record.ts'
import { AUTHORITY_STEPS, type AuthorityStep } from '../../scheduler/seams.ts'
import {
  type ClusterImageStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type VirtualMachineOperation,
} from '../../schemas/index.ts'
import { commitName, commitPoint, kindOf } from './points.ts'

/** What is decided of a machine and its disks comes before what a host told of them (`status`). */
const COMMITS: Readonly<Record<string, readonly string[]>> = {
  rulers: ['created', 'changed'],
  accesstokens: ['created', 'used'],
  nodes: ['joined', 'gone', 'promised', 'dead', 'back', 'status'],
  namespaces: ['created', 'status', 'doomed', 'gone'],
  secrets: ['created', 'changed', 'gone'],
  storageclasses: ['created', 'gone'],
  virtualmachineclasses: ['created', 'status', 'gone'],
  virtualmachines: ['created', 'placed', 'released', 'status', 'changed', 'doomed', 'gone'],
  virtualdisks: ['created', 'placed', 'released', 'status', 'doomed', 'gone'],
  virtualimages: ['created', 'given', 'status', 'doomed', 'gone'],
  virtualmachineoperations: ['created', 'held', 'InProgress', 'Completed', 'Failed', 'doomed', 'gone'],
  events: ['created', 'changed'],
}

/** The record of a move; `cancel`: both hosts are asked to end it. */
const MOVES = ['Preparing', 'Prepared', 'Transferring', 'Committed', 'Cleaned', 'Failed', 'cancel'] as const

const moveName = (what: string): string => `move/${what}`
export const authorityPoint = (step: AuthorityStep): string => `authority/${step}`
export const fencePoint = (when: 'begun' | 'ended'): string => `fence/${when}`

/** Those that the first start alone passes. */
export const FIRST_START_POINTS: readonly string[] = [
  authorityPoint('authority-made'),
  authorityPoint('own-certificate-made'),
  commitName('rulers', 'created'),
]

/** All of them. */
export const SCHEDULER_POINTS: readonly string[] = [
  ...Object.entries(COMMITS).flatMap(([kind, deeds]) => deeds.map((deed) => commitName(kind, deed))),
  ...MOVES.map(moveName),
  ...AUTHORITY_STEPS.map(authorityPoint),
  fencePoint('begun'),
  fencePoint('ended'),
]

/** The point after a commit to the scheduler's store. */
export function schedulerPoint(change: Change): string {
  const kind = kindOf(change)
  if (change.type === 'delete') return commitPoint(change)
  if (change.previous === null) return kind === 'nodes' ? commitName(kind, 'joined') : commitPoint(change)
  const [was, is] = [change.previous, change.entry.value]
  const deed = decided(kind, is, was)
  if (deed === null) return commitPoint(change)
  return kind === 'virtualmachines' && (MOVES as readonly string[]).includes(deed)
    ? moveName(deed)
    : commitName(kind, deed)
}

/** What was decided; null: nothing that has a name of its own. */
function decided(kind: string, is: KubeObject, was: KubeObject): string | null {
  switch (kind) {
    case 'virtualmachines':
      return moved(is, was) ?? placed(is, was)
    case 'virtualdisks':
      return placed(is, was)
    case 'virtualimages': {
      const nodes = (object: KubeObject) => clusterStatusOf<ClusterImageStatus>(object).nodes?.length ?? 0
      return nodes(is) > nodes(was) ? 'given' : null
    }
    case 'virtualmachineoperations': {
      const phase = ({ status }: KubeObject) => (status as VirtualMachineOperation['status'])?.phase
      return phase(is) === phase(was) ? null : (phase(is) ?? null)
    }
    case 'accesstokens':
      return is.metadata.annotations?.[USED_BY] === was.metadata.annotations?.[USED_BY] ? null : 'used'
    case 'nodes':
      return ofNode(is, was)
    default:
      return null
  }
}

function moved(is: KubeObject, was: KubeObject): string | null {
  const [now, before] = [is, was].map((object) => clusterStatusOf<ClusterVmStatus>(object).migration)
  if (now === undefined) return null
  if (now.id !== before?.id || now.phase !== before.phase) return now.phase
  return now.cancel === true && before.cancel !== true ? 'cancel' : null
}

function placed(is: KubeObject, was: KubeObject): string | null {
  const [now, before] = [is, was].map((object) => clusterStatusOf<ClusterVmStatus>(object))
  if (now?.placement?.epoch !== before?.placement?.epoch && now?.placement !== undefined) return 'placed'
  return (now?.leaving?.length ?? 0) < (before?.leaving?.length ?? 0) ? 'released' : null
}

interface NodeBerth {
  readonly promise?: unknown
  readonly death?: unknown
}

function ofNode(is: KubeObject, was: KubeObject): string | null {
  if (is.metadata.annotations?.[CERTIFICATE] !== was.metadata.annotations?.[CERTIFICATE]) return 'joined'
  const berth = ({ status }: KubeObject) => (status as { readonly berth?: NodeBerth } | undefined)?.berth ?? {}
  const [now, before] = [berth(is), berth(was)]
  if (JSON.stringify(now.promise) !== JSON.stringify(before.promise)) return 'promised'
  if ((now.death === undefined) !== (before.death === undefined)) return now.death === undefined ? 'back' : 'dead'
  return null
}
