// Counting guests as objects of a scheduler: what is applied, how they are moved, and how they and their hosts are at rest.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeObject } from '../../lib/object.ts'
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  clusterStatusOf,
  type HostBinding,
  openMigration,
  type VirtualDisk,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../schemas/index.ts'
import type { Cluster } from '../support/cluster.ts'
import type { LabHost } from '../support/lab-host.ts'
import { waitFor } from '../support/wait.ts'
import { COUNTING_GUEST } from './counting-guest.ts'

export const SHARED_FOLDER = '/var/lib/berth-shared/disks'
const ENDED: readonly string[] = ['Completed', 'Failed', 'Superseded']
/** QEMU's migration ports, as libvirt gives them out. */
const MIGRATION_PORT = /:49[1-9]\d\d\b/

export interface Guest {
  readonly name: string
  /** Its disk is in a class that all hosts have. */
  readonly shared: boolean
}

const common = (imageUrl: string): readonly object[] => [
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'shared' },
    provisioner: 'berth/dir',
    parameters: { path: SHARED_FOLDER, shared: 'true' },
  },
  {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualImage',
    metadata: { name: 'guest', namespace: 'default' },
    spec: { storage: 'ContainerRegistry', dataSource: { type: 'HTTP', http: { url: imageUrl } } },
  },
]

const machineAndDisk = ({ name, shared }: Guest): readonly object[] => [
  {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name, namespace: 'default' },
    spec: {
      persistentVolumeClaim: { size: '128Mi', ...(shared ? { storageClassName: 'shared' } : {}) },
      dataSource: { type: 'ObjectRef', objectRef: { kind: 'VirtualImage', name: 'guest' } },
    },
  },
  {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    metadata: { name, namespace: 'default' },
    spec: {
      virtualMachineClassName: 'generic',
      cpu: { cores: 1, coreFraction: '10%' },
      memory: { size: '128Mi' },
      blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
      provisioning: { type: 'UserData', userData: COUNTING_GUEST },
    },
  },
]

/** What `kubectl apply` takes. */
export const countingMachines = (imageUrl: string, guests: readonly Guest[]): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [...common(imageUrl), ...guests.flatMap(machineAndDisk)],
  })

export class CountingMachine {
  readonly name: string
  readonly uid: string
  readonly diskUid: string
  /** Moves that were asked for. */
  asked = 0
  readonly #cluster: Cluster

  private constructor(cluster: Cluster, { name }: Guest, uids: { readonly vm: string; readonly disk: string }) {
    this.#cluster = cluster
    this.name = name
    this.uid = uids.vm
    this.diskUid = uids.disk
  }

  static async find(cluster: Cluster, guest: Guest): Promise<CountingMachine> {
    const uid = async (kind: string) => (await cluster.scheduler.get<KubeObject>(kind, guest.name)).metadata.uid
    return new CountingMachine(cluster, guest, { vm: await uid('vm'), disk: await uid('vd') })
  }

  get domain(): string {
    return `default.${this.name}`
  }

  /** As the scheduler has it. */
  machine(): Promise<VirtualMachine> {
    return this.#get('virtualmachines', this.name)
  }

  /** The host that it is on. @throws when it has none */
  async host(): Promise<LabHost> {
    return this.#cluster.hostOf((await this.machine()).status?.nodeName ?? '')
  }

  /** Asks for a move, to whichever host; its name. */
  async ask(annotations: Readonly<Record<string, string>> = {}): Promise<string> {
    this.asked++
    const name = `${this.name}-${this.asked}`
    await this.#cluster.scheduler.client.transport.json({
      method: 'POST',
      path: `${NAMESPACE}/virtualmachineoperations`,
      body: {
        apiVersion: 'virtualization.deckhouse.io/v1alpha2',
        kind: 'VirtualMachineOperation',
        metadata: { name, namespace: 'default', annotations },
        spec: { type: 'Migrate', virtualMachineName: this.name },
      },
    })
    return name
  }

  operation(name: string): Promise<VirtualMachineOperation> {
    return this.#get('virtualmachineoperations', name)
  }

  /** What a host itself says of it by that condition. */
  async conditionAt(host: LabHost, type: string): Promise<string | undefined> {
    const { status } = (await host.client.transport.json({
      path: `${NAMESPACE}/virtualmachines/${this.name}`,
    })) as VirtualMachine
    return status?.conditions?.find((one) => one.type === type)?.message
  }

  /** The operation once it has ended. */
  async ended(operation: string, seconds: number): Promise<VirtualMachineOperation> {
    return await waitFor(
      `the end of ${operation}`,
      seconds,
      async () => {
        const found = await this.operation(operation)
        return ENDED.includes(found.status?.phase ?? '') ? found : null
      },
      () => this.told(operation),
    )
  }

  /** All that is known of it, for people. */
  async told(operation?: string): Promise<string> {
    const bindings = this.#cluster.hosts.map(async (host) => [host.name, (await bindingAt(host, this.uid))?.status])
    const parts = [
      this.machine().then(({ status }) => status),
      ...(operation === undefined ? [] : [this.operation(operation)]),
      ...bindings,
    ]
    return (await Promise.all(parts.map((part) => part.then((one) => JSON.stringify(one), String)))).join('\n')
  }

  /** What keeps it from being at rest, in words; null: nothing. */
  async unrest(): Promise<string | null> {
    const vm = await this.machine()
    const disk = await this.#get<VirtualDisk>('virtualdisks', this.name)
    const status = clusterStatusOf<ClusterVmStatus>(vm)
    const { placement } = clusterStatusOf<ClusterDiskStatus>(disk)
    if (vm.status?.phase !== 'Running') return `it is ${vm.status?.phase}`
    if (openMigration(status) !== null) return 'it is being moved'
    if (vm.status.nodeName !== status.placement?.node) return `it was given to ${status.placement?.node}`
    if ((status.leaving ?? []).length > 0) return `${JSON.stringify(status.leaving)} may have it still`
    if (placement?.node !== vm.status.nodeName) return `its disk is on ${placement?.node}`
    for (const host of this.#cluster.hosts) {
      const phase = (await bindingAt(host, this.diskUid))?.status?.phase
      if (host.name !== vm.status.nodeName && phase !== undefined && phase !== 'Released')
        return `${host.name} says of its disk: ${phase}`
    }
    const [moving] = (vm.status.conditions ?? []).filter(({ type }) => type === 'Migrating')
    return moving === undefined ? null : `its condition Migrating says ${moving.message}`
  }

  /** What hosts have of it that they must not have, in words. */
  async leftovers(): Promise<readonly string[]> {
    const own = await this.host()
    const each = this.#cluster.hosts.map(async (host) => [
      ...(await this.#domainsOn(host, host === own)),
      ...(await this.#filesOn(host, host === own)),
      ...(await portsOf(host)).map((line) => `${host.name} listens: ${line}`),
    ])
    return (await Promise.all(each)).flat()
  }

  async #domainsOn(host: LabHost, isOwn: boolean): Promise<readonly string[]> {
    const listed = async (...args: readonly string[]) =>
      (await host.virsh('list', '--uuid', ...args)).split('\n').filter((line) => line.trim() === this.uid).length
    const programs = (await host.exec('ps', 'axww', '-o', 'args='))
      .split('\n')
      .filter((line) => line.includes('qemu-system') && line.includes(`-uuid ${this.uid}`)).length
    const seen = { running: await listed(), defined: await listed('--all'), programs }
    const right = isOwn ? 1 : 0
    return Object.entries(seen)
      .filter(([, count]) => count !== right)
      .map(([what, count]) => `${host.name} has ${count} domains of ${this.name} (${what}), not ${right}`)
  }

  async #filesOn(host: LabHost, isOwn: boolean): Promise<readonly string[]> {
    // Of a shared disk a host has a note alone.
    const wanted = { console: isOwn, seeds: isOwn, nvram: false, disks: isOwn }
    const each = Object.entries(wanted).map(async ([folder, isWanted]) => {
      const names = await readdir(join(host.stateDir, folder)).catch(() => [])
      const found = names.filter((name) => name.includes(this.uid) || name.includes(this.diskUid))
      return found.length > 0 === isWanted ? [] : [`${host.name} has in ${folder}: ${found.join(', ') || 'nothing'}`]
    })
    return (await Promise.all(each)).flat()
  }

  #get<T>(resource: string, name: string): Promise<T> {
    return this.#cluster.scheduler.client.transport.json({ path: `${NAMESPACE}/${resource}/${name}` }) as Promise<T>
  }
}

const NAMESPACE = '/apis/virtualization.deckhouse.io/v1alpha2/namespaces/default'

const bindingAt = async (host: LabHost, uid: string): Promise<HostBinding | undefined> => {
  const { items } = (await host.client.transport.json({ path: '/apis/cluster.berth/v1/hostbindings' })) as {
    readonly items: readonly HostBinding[]
  }
  return items.find(({ metadata }) => metadata.name === uid)
}

const portsOf = async (host: LabHost): Promise<readonly string[]> =>
  (await host.exec('ss', '-tlnH')).split('\n').filter((line) => MIGRATION_PORT.test(line))
