// What a machine says whose host has not answered: it was given to it, and may be there.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { messageOf } from '../../../lib/errors.ts'
import { nameOf, toKey } from '../../../lib/object.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { type ClusterVmStatus, clusterStatusOf, type VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../../schemas/resources.ts'
import { byUid } from '../../indexes.ts'
import { withCondition } from './decision.ts'

export interface UnansweredDeps {
  readonly reader: Pick<Reader, 'byIndex'>
  readonly resources: Pick<Resources, 'modifyStatus'>
  readonly clock: Clock
  readonly log: ReconcileLog
}

/** Says so of a machine that has not begun there yet; of every other one its host has told more. */
export async function tellUnanswered(uid: string, node: string, deps: UnansweredDeps): Promise<void> {
  const { reader, resources, clock, log } = deps
  const message = `given to ${node}, whose agent does not answer; it is asked again and again`
  const [vm] = reader.byIndex<VirtualMachine>(byUid(VMS), uid)
  if (vm === undefined) return
  try {
    await resources.modifyStatus<VirtualMachine>(VMS, { ...nameOf(vm), uid }, (status, current) => {
      const said = status?.conditions?.find(({ type }) => type === 'Running')
      const waits = status?.phase === 'Pending' && said?.reason === 'PodNotStarted'
      if (!waits || clusterStatusOf<ClusterVmStatus>(current).placement?.node !== node) return status
      const condition = { type: 'Running', status: 'False', reason: 'PodNotStarted', message } as const
      return withCondition(current, status, condition, clock.now(), 'Pending')
    })
  } catch (error) {
    log.warn({ vm: toKey(nameOf(vm)), node, err: error }, `a status could not be stored: ${messageOf(error)}`)
  }
}
