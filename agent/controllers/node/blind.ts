// A Node whose host cannot be looked at: libvirt has not answered since this agent began. Without it the Node would still say what an
// earlier agent saw.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { timestamp } from '../../../lib/clock.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { Node } from '../../../schemas/index.ts'
import { NO_TROUBLES, type NodeTroubles, nodeConditionsBlind } from '../../host/index.ts'
import { NODES } from '../../names.ts'

export interface NodeBlindDeps {
  readonly reader: Pick<Reader, 'get'>
  readonly resources: Resources
  readonly nodeName: string
}

/** A host that has no Node yet stays without one. */
export async function markNodeBlind(
  { reader, resources, nodeName }: NodeBlindDeps,
  libvirt: NonNullable<NodeTroubles['libvirt']>,
  now: number,
): Promise<void> {
  const name = { namespace: '', name: nodeName }
  const node = reader.get<Node>(NODES, name)
  if (node === null) return
  const troubles: NodeTroubles = { ...NO_TROUBLES, libvirt }
  await resources.modifyStatus<Node>(
    NODES,
    { ...name, uid: node.metadata.uid },
    (status) =>
      ({
        ...status,
        conditions: nodeConditionsBlind(troubles, timestamp(now), status?.conditions ?? []),
      }) as Node['status'],
  )
}
