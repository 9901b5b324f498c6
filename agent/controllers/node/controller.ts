// The Node object of this host: its labels and status come from the host, spec and taints from people.
// Looked at every ten minutes (the controller's resync), whenever somebody changes or deletes the object, and when a trouble of the
// host begins or ends: that is told at once, with what is known of the rest.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../../lib/clock.ts'
import { isApiError } from '../../../lib/errors.ts'
import { fromKey, type NamespacedName } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import type { Change } from '../../../lib/store/store.ts'
import type { Node } from '../../../schemas/index.ts'
import { type NodeFacts, type NodeNow, newNode, nodeLabels, nodeStatus } from '../../host/index.ts'
import { NODES } from '../../names.ts'

export interface NodeDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
  /** What is found on the host now; may take seconds. */
  readonly facts: (signal: AbortSignal) => Promise<NodeFacts>
  /** What there is now, and what is wrong. */
  readonly present: () => Promise<NodeNow>
  readonly nodeName: string
}

/** Facts are found anew when they are older: the hardware inventory runs a dozen programs. */
const FACTS_MS = 300_000

export class NodeReconciler implements Reconciler {
  readonly #deps: NodeDeps

  #known: { readonly facts: NodeFacts; readonly at: number } | null = null

  constructor(deps: NodeDeps) {
    this.#deps = deps
  }

  /** Nodes of other names are somebody else's. */
  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { clock, nodeName } = this.#deps
    const name = fromKey(key)
    if (name.name !== nodeName) return DONE
    const known = this.#known
    if (known !== null) await this.#write(name, known.facts)
    if (known !== null && clock.monotonic() - known.at < FACTS_MS) return DONE
    const facts = await this.#deps.facts(signal)
    this.#known = { facts, at: clock.monotonic() }
    await this.#write(name, facts)
    return DONE
  }

  async #write(name: NamespacedName, facts: NodeFacts): Promise<void> {
    const { reader, resources, clock } = this.#deps
    const present = await this.#deps.present()
    const now = timestamp(clock.now())
    if (reader.get<Node>(NODES, name) === null) await this.#create(facts, now)
    await resources.modify<Node>(NODES, name, (node) => withLabels(node, nodeLabels(facts, node.metadata.labels)))
    const node = reader.get<Node>(NODES, name)
    if (node === null) return
    await resources.modifyStatus<Node>(
      NODES,
      { ...name, uid: node.metadata.uid },
      (status) =>
        ({ ...status, ...nodeStatus(facts, now, status?.conditions ?? [], present) }) as unknown as Node['status'],
    )
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
