// Moves that the cluster itself asks for: named as DVP names them, told apart by an annotation, tried again ever more seldom. Pure but for
// the one that creates.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { forceFor } from '../../../lib/operations/live-migration-policy.ts'
import type { VirtualMachine, VirtualMachineOperation } from '../../../schemas/index.ts'
import { VM_OPERATIONS } from '../../../schemas/resources.ts'
import { hasEnded, memoryOf } from '../virtualmachineoperation/plan.ts'

/** DVP's names of operations that nobody asked for by hand. */
export type EvictionKind = 'evacuation' | 'nodeplacement-update' | 'rebalance'

/** Of an operation: what for, such as the node that is drained. */
const CAUSE = 'berth/eviction-cause'
/** Of an operation: why, for people. */
const WHY = 'berth/eviction-reason'
const FIRST_RETRY_MS = 30_000
const LAST_RETRY_MS = 300_000

const prefixOf = (kind: EvictionKind, vm: VirtualMachine): string => `${kind}-${vm.metadata.name.slice(0, 40)}-`

/** Operations that were made for this cause, the newest last. */
export const evictionsFor = (
  operations: readonly VirtualMachineOperation[],
  kind: EvictionKind,
  cause: string,
): readonly VirtualMachineOperation[] =>
  operations
    .filter(({ metadata }) => metadata.name.startsWith(`${kind}-`) && metadata.annotations?.[CAUSE] === cause)
    .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))

/** Milliseconds until it may be tried again after those that failed; 0: now. */
export function retryIn(evictions: readonly VirtualMachineOperation[], now: number): number {
  const failed = evictions.filter((one) => hasEnded(one) && one.status?.phase === 'Failed')
  const last = failed.at(-1)
  if (last === undefined) return 0
  const endedAt = Date.parse(memoryOf(last).endedAt ?? last.metadata.creationTimestamp)
  return Math.max(0, endedAt + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failed.length - 1)) - now)
}

/** Why the last one did not work, or what the one under way waits for; null: nothing is known. */
export function wordsOf(operation: VirtualMachineOperation | undefined): string | null {
  const said = operation?.status?.conditions?.find(({ type }) => type === 'Completed')
  if (said === undefined || said.status === 'True') return null
  return said.message === '' ? said.reason : said.message
}

/**
 * @param cause what moves it away, such as the name of its host: by it the operation is found again
 * @param why in words, when there is more to say
 * @throws ApiError
 */
export async function createEviction(
  resources: Resources,
  vm: VirtualMachine,
  kind: EvictionKind,
  cause: string,
  why?: string,
): Promise<void> {
  const force = forceFor(vm.spec.liveMigrationPolicy)
  await resources.create<VirtualMachineOperation>(VM_OPERATIONS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachineOperation',
    metadata: {
      generateName: prefixOf(kind, vm),
      namespace: vm.metadata.namespace ?? '',
      annotations: { [CAUSE]: cause, ...(why === undefined ? {} : { [WHY]: why }) },
    },
    spec: {
      type: 'Evict',
      virtualMachineName: vm.metadata.name,
      ...(force === undefined ? {} : { force }),
    },
  })
}
