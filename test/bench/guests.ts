// Firmware-only guests through the API: tiny blank disks made in advance, machines that are started and removed.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../lib/client/client.ts'
import type { ResourceInfo } from '../../lib/client/paths.ts'
import type { KubeObject } from '../../lib/object.ts'
import { toBytes } from '../../lib/quantity.ts'
import { type Phases, phaseOf, type Sight } from './phases.ts'

const GROUP = 'virtualization.deckhouse.io'
const NAMESPACE = 'default'
const NODE_TIMEOUT_MS = 30_000
const NODE_POLL_MS = 100
const DISK_TIMEOUT_MS = 300_000
const START_TIMEOUT_MS = 600_000
const END_TIMEOUT_MS = 600_000

const resource = (plural: string, kind: string): ResourceInfo => ({
  group: GROUP,
  version: 'v1alpha2',
  plural,
  singular: kind.toLowerCase(),
  kind,
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs: [],
})

export const VMS = resource('virtualmachines', 'VirtualMachine')
export const DISKS = resource('virtualdisks', 'VirtualDisk')

interface NodeList {
  readonly items: readonly { readonly status?: { readonly allocatable?: { readonly memory?: string } } }[]
}

/** A disk that is ready, as a domain names it. */
export interface Disk {
  readonly name: string
  readonly uid: string
}

export class Guests {
  readonly #client: Client
  readonly #vms: Phases
  readonly #disks: Phases

  constructor(client: Client, vms: Phases, disks: Phases) {
    this.#client = client
    this.#vms = vms
    this.#disks = disks
  }

  /** Makes `count` blank disks and waits until all are ready. */
  async disks(count: number): Promise<readonly Disk[]> {
    const names = Array.from({ length: count }, (_, index) => `disk-${index}`)
    const made = await Promise.all(
      names.map((name) =>
        this.#client.objects.create<KubeObject>(
          DISKS,
          draft('VirtualDisk', name, { persistentVolumeClaim: { size: '1Mi' } }),
        ),
      ),
    )
    await Promise.all(names.map((name) => this.#disks.until(name, 'Ready', DISK_TIMEOUT_MS)))
    return made.map(({ metadata: { name, uid } }) => ({ name, uid }))
  }

  /** Asks for a machine and waits until the watcher sees it Running. */
  async start(name: string, disk: Disk): Promise<Sight> {
    const running = this.#vms.until(name, 'Running', START_TIMEOUT_MS)
    running.catch(() => undefined)
    await this.create(name, disk)
    return running
  }

  create(name: string, disk: Disk): Promise<KubeObject> {
    const spec = {
      virtualMachineClassName: 'generic',
      cpu: { cores: 1 },
      memory: { size: '32Mi' },
      // Firmware hears no power button.
      terminationGracePeriodSeconds: 0,
      blockDeviceRefs: [{ kind: 'VirtualDisk', name: disk.name }],
    }
    return this.#client.objects.create<KubeObject>(VMS, draft('VirtualMachine', name, spec))
  }

  /** Removes machines and waits until they are gone. */
  async remove(names: readonly string[]): Promise<void> {
    const gone = names.map((name) => this.#vms.until(name, 'Gone', END_TIMEOUT_MS))
    await Promise.all(names.map((name) => this.#client.objects.delete(VMS, { namespace: NAMESPACE, name })))
    await Promise.all(gone)
  }

  /** Memory that the host gives to machines in all, in MiB. An agent that has just come up makes its Node first. */
  async roomMiB(): Promise<number> {
    const path = '/api/v1/nodes'
    for (const end = performance.now() + NODE_TIMEOUT_MS; performance.now() < end; await sleep(NODE_POLL_MS)) {
      const { items } = (await this.#client.transport.json({ path })) as NodeList
      const memory = items[0]?.status?.allocatable?.memory
      if (memory !== undefined) return Number(toBytes(memory) / 1_048_576n)
    }
    throw new Error('the agent has no Node')
  }

  /** What the API shows now, by name. */
  async phases(): Promise<ReadonlyMap<string, string>> {
    const { items } = await this.#client.objects.list<KubeObject>(VMS, { namespace: NAMESPACE })
    return new Map(items.map((vm) => [vm.metadata.name, phaseOf(vm)]))
  }

  async uids(): Promise<ReadonlyMap<string, string>> {
    const { items } = await this.#client.objects.list<KubeObject>(VMS, { namespace: NAMESPACE })
    return new Map(items.map(({ metadata: { name, uid } }) => [name, uid]))
  }

  get(name: string): Promise<KubeObject> {
    return this.#client.objects.get<KubeObject>(VMS, { namespace: NAMESPACE, name })
  }
}

const draft = (kind: string, name: string, spec: object) => ({
  apiVersion: `${GROUP}/v1alpha2`,
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
})
