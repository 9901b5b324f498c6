// What a host told of its copy -> the status of the scheduler's own object. Pure; the same object when nothing is new.
import { isDeepStrictEqual } from 'node:util'
import type { Condition, KubeObject } from '../../lib/object.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type Node,
  openMigration,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { CLUSTER_DISK_CONDITIONS } from '../controllers/virtualdisk/conditions.ts'
import { CLUSTER_IMAGE_CONDITIONS } from '../controllers/virtualimage/conditions.ts'
import { MOVING_CONDITIONS } from '../controllers/virtualmachineoperation/vm-conditions.ts'
import { FAILOVER_CONDITIONS } from '../failover/conditions.ts'
import { CLUSTER_NODE_CONDITIONS, CLUSTER_VM_CONDITIONS } from './conditions.ts'

type Status = Readonly<Record<string, unknown>>
type Conditions = readonly Condition[]

const conditionsOf = (status: unknown): Conditions =>
  (status as { readonly conditions?: Conditions } | undefined)?.conditions ?? []

const statusOf = ({ status }: KubeObject): Status => (status ?? {}) as Status

/**
 * Types that a scheduler says of a kind. Others are the hosts' alone: when a host does not say one any more, it is over. Of kinds that are not
 * named here all that the scheduler has is its own.
 */
const SAID_HERE: Readonly<Record<string, readonly string[]>> = {
  VirtualMachine: typesOf(CLUSTER_VM_CONDITIONS, FAILOVER_CONDITIONS, MOVING_CONDITIONS),
  VirtualDisk: typesOf(CLUSTER_DISK_CONDITIONS),
  VirtualImage: typesOf(CLUSTER_IMAGE_CONDITIONS),
  ClusterVirtualImage: typesOf(CLUSTER_IMAGE_CONDITIONS),
}

function typesOf(...tables: readonly { readonly table: object }[]): readonly string[] {
  return tables.flatMap(({ table }) => Object.keys(table))
}

/** What the scheduler itself says of it. That it moves, it says only for as long as it moves it: the word may be left from its host. */
function ownOf(object: KubeObject): Conditions {
  const types = SAID_HERE[object.kind]
  const moves = openMigration(clusterStatusOf<ClusterVmStatus>(object)) !== null
  return conditionsOf(object.status).filter(
    ({ type }) => (types === undefined || types.includes(type)) && (type !== 'Migrating' || moves),
  )
}

/** What the agent says, and beside it what only the scheduler says: each type has one speaker. */
const together = (told: Conditions, own: Conditions): Conditions =>
  [...told, ...own.filter(({ type }) => !told.some((each) => each.type === type))].sort((a, b) =>
    a.type < b.type ? -1 : 1,
  )

/**
 * `generation` counts on the host for its copy and here for the object: what the host has seen is ours when both ask for the same.
 * Null: the host has yet to see the newest.
 */
function generationSeen(object: KubeObject, copy: KubeObject): number | null {
  const observed = statusOf(copy).observedGeneration
  const isNewest = observed === copy.metadata.generation && isDeepStrictEqual(copy.spec, object.spec)
  return isNewest ? (object.metadata.generation ?? 0) : null
}

const observedBy = (seen: number | null, before: unknown) =>
  seen !== null ? { observedGeneration: seen } : before === undefined ? {} : { observedGeneration: before }

function withGeneration(conditions: Conditions, seen: number | null, before: Conditions): Conditions {
  return conditions.map((condition) => {
    if (condition.observedGeneration === undefined) return condition
    const observedGeneration =
      seen ?? before.find(({ type }) => type === condition.type)?.observedGeneration ?? condition.observedGeneration
    return { ...condition, observedGeneration }
  })
}

/** A disk, an image or an operation: the host's word, beside what the scheduler remembers. */
export function mirrored(object: KubeObject, copy: KubeObject): Status {
  const before = statusOf(object)
  const { berth: _, observedGeneration: __, ...told } = statusOf(copy)
  const seen = generationSeen(object, copy)
  const conditions = together(withGeneration(conditionsOf(told), seen, conditionsOf(before)), ownOf(object))
  return {
    ...told,
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(statusOf(copy).observedGeneration === undefined ? {} : observedBy(seen, before.observedGeneration)),
    ...(before.berth === undefined ? {} : { berth: before.berth }),
  }
}

/** A machine; its host's own memory goes where its next host will find it. */
export function mirroredVm(vm: VirtualMachine, copy: VirtualMachine): VirtualMachine['status'] {
  const status = mirrored(vm, copy)
  const berth = (status.berth ?? {}) as { readonly eviction?: unknown; readonly migration?: unknown }
  const host = statusOf(copy).berth
  // Stopped by the scheduler: what its host makes of that is no word of its owner.
  const kept = host === undefined || berth.eviction !== undefined ? berth : { ...berth, host }
  // Who moves it says how that went; its hosts know only that it moves.
  const { migrationState } = berth.migration === undefined ? status : statusOf(vm)
  const moved = migrationState === undefined ? {} : { migrationState }
  return { ...status, ...moved, berth: kept } as unknown as VirtualMachine['status']
}

/** The last that was told, and that nothing is heard of its host now. */
export function unheardVm(
  vm: VirtualMachine,
  reason: 'NodeStatusUnknown' | 'HostGone',
  words: string,
  nowMs: number,
): VirtualMachine['status'] {
  const conditions = CLUSTER_VM_CONDITIONS.set(
    vm.status?.conditions,
    { type: 'Running', status: 'Unknown', reason, message: words },
    vm.metadata.generation,
    nowMs,
  )
  return { ...vm.status, conditions: [...conditions] } as VirtualMachine['status']
}

/** What the scheduler itself remembers of a host. */
function rememberedOf(node: Node): object {
  const { promise, death } = (statusOf(node).berth ?? {}) as { readonly promise?: object; readonly death?: object }
  return { ...(promise === undefined ? {} : { promise }), ...(death === undefined ? {} : { death }) }
}

const optional = (berth: object): object => (Object.keys(berth).length === 0 ? {} : { berth })

/** A host, with `silence` in words when it is not heard of. Conditions of nodes have no generation. */
export function mirroredNode(node: Node, copy: Node | null, silence: string | null, nowMs: number): Node['status'] {
  const before = conditionsOf(node.status)
  const told = copy === null ? before : together(conditionsOf(copy.status), before)
  const conditions =
    silence === null
      ? told
      : CLUSTER_NODE_CONDITIONS.set(
          before,
          { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: silence },
          undefined,
          nowMs,
        )
  const rest =
    silence === null && copy !== null
      ? {
          ...node.status,
          ...copy.status,
          ...optional({ ...(statusOf(copy).berth as object | undefined), ...rememberedOf(node) }),
        }
      : node.status
  return { ...rest, conditions: [...conditions] } as Node['status']
}

/** Labels that a host's agent alone writes. */
const OF_THE_AGENT =
  /^((cpu-model|cpu-feature|cpu-vendor|host-model-cpu)\.node\.virtualization\.deckhouse\.io\/|kubernetes\.io\/(hostname|arch|os)$)/

/** The agent's own labels as it says, people's as they are here. The same labels when nothing differs. */
export function mirroredLabels(
  here: Readonly<Record<string, string>>,
  there: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const labels = Object.fromEntries([
    ...Object.entries(here).filter(([key]) => !OF_THE_AGENT.test(key)),
    ...Object.entries(there).filter(([key]) => OF_THE_AGENT.test(key)),
  ])
  return isDeepStrictEqual(labels, here) ? here : labels
}
