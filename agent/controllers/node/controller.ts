// The Node object of this host: its labels and status come from the host, spec and taints from people.
// Looked at hourly (the controller's resync) and whenever somebody changes or deletes the object.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../../lib/clock.ts'
import { isApiError } from '../../../lib/errors.ts'
import { fromKey } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import type { Change } from '../../../lib/store/store.ts'
import type { Node } from '../../../schemas/index.ts'
import { type NodeFacts, newNode, nodeLabels, nodeStatus } from '../../host/index.ts'
import { NODES } from '../../names.ts'

export interface NodeDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
  /** What is found on the host now; may take seconds. */
  readonly facts: (signal: AbortSignal) => Promise<NodeFacts>
  readonly nodeName: string
}

export class NodeReconciler implements Reconciler {
  readonly #deps: NodeDeps

  constructor(deps: NodeDeps) {
    this.#deps = deps
  }

  /** Nodes of other names are somebody else's. */
  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { reader, resources, clock, nodeName } = this.#deps
    const name = fromKey(key)
    if (name.name !== nodeName) return DONE
    const facts = await this.#deps.facts(signal)
    const now = timestamp(clock.now())
    if (reader.get<Node>(NODES, name) === null) await this.#create(facts, now)
    await resources.modify<Node>(NODES, name, (node) => withLabels(node, nodeLabels(facts, node.metadata.labels)))
    const node = reader.get<Node>(NODES, name)
    if (node === null) return DONE
    await resources.modifyStatus<Node>(
      NODES,
      { ...name, uid: node.metadata.uid },
      (status) => ({ ...status, ...nodeStatus(facts, now, status?.conditions ?? []) }) as unknown as Node['status'],
    )
    return DONE
  }

  async #create(facts: NodeFacts, now: string): Promise<void> {
    const { status: _, ...node } = newNode(facts, now)
    try {
      await this.#deps.resources.create<Node>(NODES, node)
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error
    }
  }
}

function withLabels(node: Node, labels: Readonly<Record<string, string>>): Node {
  const before = node.metadata.labels ?? {}
  const same =
    Object.keys(labels).length === Object.keys(before).length &&
    Object.entries(labels).every(([key, value]) => before[key] === value)
  return same ? node : { ...node, metadata: { ...node.metadata, labels } }
}

/** Whether a change is more than the status that this controller writes itself. */
export function touchedByPeople(change: Change): boolean {
  if (change.type === 'delete' || change.previous === null) return true
  const [before, after] = [change.previous.metadata, change.entry.value.metadata]
  return before.generation !== after.generation || JSON.stringify(before.labels) !== JSON.stringify(after.labels)
}
