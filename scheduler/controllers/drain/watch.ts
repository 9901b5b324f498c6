// What wakes the drain of a node.
import { toKey } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { KeySink } from '../../../lib/reconcile/sources.ts'
import { objectsOf } from '../../../lib/reconcile/sources.ts'
import { keyOf } from '../../../lib/store/change.ts'
import type { Change } from '../../../lib/store/store.ts'
import { type ClusterVmStatus, clusterStatusOf, type Node, type VirtualMachine } from '../../../schemas/index.ts'
import { NODES, VMS } from '../../../schemas/resources.ts'
import { hasDrain } from './controller.ts'
import { DRAIN } from './plan.ts'

/** Returns the unsubscribe function. */
export function wireDrains(reader: Reader, sink: KeySink): () => void {
  return reader.onChange((change) => {
    const { resource, name } = keyOf(change)
    if (resource === NODES && isAsked(change)) sink.enqueue(toKey({ namespace: '', name }))
    if (resource !== VMS || !hasMoved(change)) return
    for (const vm of objectsOf(change)) {
      const host = { namespace: '', name: placeOf(vm as VirtualMachine) ?? '' }
      const node = reader.get<Node>(NODES, host)
      if (node !== null && hasDrain(node)) sink.enqueue(toKey(host))
    }
  })
}

const askOf = ({ metadata, spec }: Node): string => JSON.stringify([metadata.annotations?.[DRAIN], spec?.unschedulable])

/** Cordon or annotation differ. */
const isAsked = (change: Change): boolean =>
  change.type === 'put' &&
  (change.previous === null || askOf(change.previous as Node) !== askOf(change.entry.value as Node))

const placeOf = (vm: VirtualMachine): string | undefined => clusterStatusOf<ClusterVmStatus>(vm).placement?.node

const stateOf = (vm: VirtualMachine): string => JSON.stringify([placeOf(vm), vm.status?.phase])

const hasMoved = (change: Change): boolean =>
  change.type === 'delete' ||
  change.previous === null ||
  stateOf(change.previous as VirtualMachine) !== stateOf(change.entry.value as VirtualMachine)
