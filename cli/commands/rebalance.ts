// `berth rebalance`: shows moves that would make the cluster better, or makes them.
import type { RebalanceAnswer } from '../../schemas/cluster/rebalanceproposal.ts'
import { HOST_LABEL } from '../../schemas/core/node-columns.ts'
import { align } from '../format/columns.ts'
import { oneLine } from '../format/text.ts'
import { print } from '../io.ts'
import type { Session } from '../session.ts'
import { schedulersOnly } from './drain.ts'

export interface RebalanceOptions {
  readonly dryRun?: boolean
  readonly budget: number
}

const GROUP = 'virtualization.deckhouse.io'

export async function rebalance({ client, io }: Session, { dryRun, budget }: RebalanceOptions): Promise<void> {
  const body = { apiVersion: 'cluster.berth/v1', kind: 'RebalanceProposal', budget }
  const { moves } = (await client.transport
    .json({ method: 'POST', path: '/apis/cluster.berth/v1/rebalanceproposals', body, signal: io.signal })
    .catch(schedulersOnly)) as RebalanceAnswer
  if (moves.length === 0) {
    print(io, 'Nothing is to be moved.')
    return
  }
  const rows = moves.map(({ namespace, name, from, to = 'cannot go', message }) => [
    `${namespace}/${name}`,
    from,
    to,
    oneLine(message),
  ])
  for (const line of align([['MACHINE', 'FROM', 'TO', 'WHY'], ...rows])) print(io, line)
  if (dryRun === true) return
  const resource = (await client.catalog(io.signal)).resolve(`virtualmachineoperations.${GROUP}`)
  for (const { namespace, name, to } of moves) {
    if (to === undefined) continue
    const draft = {
      apiVersion: `${resource.group}/${resource.version}`,
      kind: resource.kind,
      metadata: { generateName: `${name.slice(0, 48)}-migrate-`, namespace },
      spec: { type: 'Migrate', virtualMachineName: name, migrate: { nodeSelector: { [HOST_LABEL]: to } } },
    }
    const made = await client.objects.create(resource, draft, { signal: io.signal })
    print(io, `virtualmachineoperation.${GROUP}/${made.metadata.name} created`)
  }
}
