// Asks hosts, one after the other, for the CPU that several have in common: a scheduler has no libvirt.
import { messageOf } from '../../../lib/errors.ts'
import {
  CLUSTER_GROUP,
  CPU_BASELINE,
  type CpuBaseline,
  type CpuBaselineAsk,
  type DiscoveredCpu,
} from '../../../schemas/index.ts'
import type { AgentClients } from '../../links/clients.ts'

/** Two calls of libvirt. */
const ANSWER_MS = 15_000

export type BaselineAnswer =
  | { readonly cpu: DiscoveredCpu; readonly by: string }
  /** In words, what each host said. */
  | { readonly cpu: null; readonly why: string }

/** The first answer counts; hosts that cannot be asked now, or that do not know one of the CPUs, are passed over. */
export async function askBaseline(
  clients: Pick<AgentClients, 'clientFor'>,
  nodes: readonly string[],
  ask: CpuBaselineAsk,
  signal: AbortSignal,
): Promise<BaselineAnswer> {
  const refusals: string[] = []
  for (const node of nodes) {
    const client = clients.clientFor(node)
    if (client === null) continue
    try {
      const answer = (await client.transport.json({
        method: 'POST',
        path: `/apis/${CLUSTER_GROUP}/v1/${CPU_BASELINE.plural}`,
        body: { apiVersion: `${CLUSTER_GROUP}/v1`, kind: CPU_BASELINE.kind, ...ask },
        timeoutMs: ANSWER_MS,
        signal,
      })) as CpuBaseline
      if (answer.baseline !== undefined) return { cpu: answer.baseline, by: node }
      refusals.push(`${node}: it gave no answer`)
    } catch (error) {
      signal.throwIfAborted()
      refusals.push(`${node}: ${messageOf(error)}`)
    }
  }
  return { cpu: null, why: refusals.length === 0 ? 'none of its hosts can be asked now' : refusals.join('; ') }
}
