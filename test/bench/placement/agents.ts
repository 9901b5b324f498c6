// Stand-ins for a thousand agents in the scheduler's own process: they take every binding at once and tell of nothing but that. What a real
// agent costs is the agent's, on its own host; what they cost here is counted to the scheduler.
import type { Client } from '../../../lib/client/client.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { AgentClients } from '../../../scheduler/links/clients.ts'
import type { HostBinding, Node } from '../../../schemas/index.ts'

interface Ask {
  readonly signal?: AbortSignal
}

export const benchNode = (name: string, cpu: number, memory: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    uid: `node-${name}`,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { 'kubernetes.io/hostname': name },
  },
  spec: {},
  status: {
    allocatable: { cpu, memory },
    conditions: [
      { type: 'Ready', status: 'True', reason: 'AgentReady', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ],
  },
})

export class BenchAgents implements AgentClients {
  readonly #clients: ReadonlyMap<string, Client>
  /** Bindings that were taken. */
  taken = 0

  constructor(nodes: readonly Node[]) {
    this.#clients = new Map(nodes.map((node) => [node.metadata.name, this.#client(node)]))
  }

  nodes = (): readonly string[] => [...this.#clients.keys()]
  clientFor = (node: string): Client | null => this.#clients.get(node) ?? null
  urlOf = (node: string): string => `https://${node}.invalid:8750`
  onChange = (): (() => void) => () => undefined

  #client(node: Node): Client {
    let version = 1
    const take = async (_info: object, binding: HostBinding): Promise<HostBinding> => {
      this.taken += 1
      version += 1
      const { objects: _, ...kept } = binding
      const metadata = { ...binding.metadata, uid: binding.metadata.name, resourceVersion: String(version) }
      return { ...kept, metadata, status: { phase: 'Accepted', epoch: binding.spec.epoch } }
    }
    const client = {
      objects: {
        list: async ({ plural }: { readonly plural: string }) => ({
          items: plural === 'nodes' ? [node] : [],
          resourceVersion: '1',
        }),
        watch: async function* (
          _info: object,
          _scope: object,
          _after: string,
          { signal }: Ask,
        ): AsyncIterable<KubeObject> {
          await new Promise((_, reject) =>
            signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
          )
        },
        update: take,
        create: take,
        delete: async () => undefined,
      },
      transport: {
        json: async ({ body }: { readonly body: object }) => ({ accepted: true, message: '', ...body }),
      },
    }
    return client as unknown as Client
  }
}
