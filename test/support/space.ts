// One namespace of a host as tests use it: objects in, waits on what becomes of them. Removed with everything in it at the end.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ResourceInfo } from '../../lib/client/paths.ts'
import { getCondition } from '../../lib/conditions.ts'
import { isApiError } from '../../lib/errors.ts'
import type { Condition, KubeObject } from '../../lib/object.ts'
import type {
  VirtualDisk,
  VirtualMachine,
  VirtualMachineOperation,
  VirtualMachineOperationSpec,
  VirtualMachineSpec,
} from '../../schemas/index.ts'
import { GuestConsole } from './guest-console.ts'
import type { LabHost } from './lab-host.ts'
import type { Lab } from './open-lab.ts'
import { until, waitFor } from './wait.ts'

const V1ALPHA2 = 'virtualization.deckhouse.io/v1alpha2'
export const IMAGE = 'guest'

/** A VirtualMachine's spec as a test writes it; the rest is the server's defaults. */
export type VmDraft = Omit<Partial<VirtualMachineSpec>, 'cpu' | 'memory'> & {
  readonly cpu?: Partial<VirtualMachineSpec['cpu']>
  readonly memory?: VirtualMachineSpec['memory']
}

export class Space {
  readonly host: LabHost
  readonly namespace: string

  constructor(host: LabHost, namespace: string) {
    this.host = host
    this.namespace = namespace
  }

  /** Makes the namespace on the host, and the image `guest` (cluster-wide) from the lab's file server. */
  static async make(lab: Lab, namespace: string, host: LabHost = lab.host): Promise<Space> {
    const space = new Space(host, namespace)
    await space.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await space.image(IMAGE, lab.served.url('guest.qcow2'))
    return space
  }

  /** A ClusterVirtualImage from a URL, unless it is there already; resolves when it is ready. */
  async image(name: string, url: string): Promise<void> {
    try {
      await this.create({
        apiVersion: V1ALPHA2,
        kind: 'ClusterVirtualImage',
        metadata: { name },
        spec: { dataSource: { type: 'HTTP', http: { url } } },
      })
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error
    }
    await this.until('ClusterVirtualImage', name, ({ status }) => phaseIs(status, 'Ready'), 60)
  }

  /** Creates an object as it is written; a namespaced one without a namespace gets this one's. */
  async create<T extends KubeObject>(draft: Draft): Promise<T> {
    const resource = await this.resource(draft.kind, draft.apiVersion)
    const metadata = resource.namespaced ? { namespace: this.namespace, ...draft.metadata } : draft.metadata
    return await this.host.client.objects.create<T>(resource, { ...draft, metadata })
  }

  /** A disk from the image `guest`, or from nothing when `size` is all it has. Resolves at once. */
  async disk(name: string, size?: string): Promise<VirtualDisk> {
    const source = { type: 'ObjectRef', objectRef: { kind: 'ClusterVirtualImage', name: IMAGE } }
    const spec = size === undefined ? { dataSource: source } : { persistentVolumeClaim: { size } }
    return await this.create<VirtualDisk>({ apiVersion: V1ALPHA2, kind: 'VirtualDisk', metadata: { name }, spec })
  }

  /**
   * A virtual machine on an empty disk: it runs at once, its firmware finds nothing to boot and never hears a power button, so its
   * grace period is short.
   */
  async bareVm(name: string, draft: VmDraft = {}): Promise<VirtualMachine> {
    await this.disk(name, '1Mi')
    const blockDeviceRefs = [{ kind: 'VirtualDisk', name }] as const
    return await this.vm(name, {
      terminationGracePeriodSeconds: 1,
      memory: { size: '32Mi' },
      blockDeviceRefs: [...blockDeviceRefs],
      ...draft,
    })
  }

  /** A small virtual machine; without `blockDeviceRefs` it gets a disk of the same name from the image `guest`. */
  async vm(name: string, draft: VmDraft = {}): Promise<VirtualMachine> {
    if (draft.blockDeviceRefs === undefined) await this.disk(name)
    const spec = {
      virtualMachineClassName: 'generic',
      blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
      ...draft,
      cpu: { cores: 1, ...draft.cpu },
      memory: draft.memory ?? { size: '256Mi' },
    }
    return await this.create<VirtualMachine>({ apiVersion: V1ALPHA2, kind: 'VirtualMachine', metadata: { name }, spec })
  }

  async operation(
    vm: string,
    type: VirtualMachineOperationSpec['type'],
    force = false,
  ): Promise<VirtualMachineOperation> {
    return await this.create<VirtualMachineOperation>({
      apiVersion: V1ALPHA2,
      kind: 'VirtualMachineOperation',
      metadata: { generateName: `${type.toLowerCase()}-` },
      spec: { type, virtualMachineName: vm, ...(force ? { force } : {}) },
    })
  }

  /** Creates an operation and waits for its end. */
  async operate(
    vm: string,
    type: VirtualMachineOperationSpec['type'],
    force = false,
  ): Promise<{ readonly phase: string; readonly reason: string; readonly message: string }> {
    const { metadata } = await this.operation(vm, type, force)
    return await this.operationEnd(metadata.name)
  }

  async operationEnd(name: string, seconds = 90) {
    const ended = ['Completed', 'Failed', 'Superseded']
    const { status } = await this.until<VirtualMachineOperation>(
      'VirtualMachineOperation',
      name,
      (operation) => ended.includes(operation.status?.phase ?? ''),
      seconds,
    )
    const { reason = '', message = '' } = getCondition(status?.conditions as Condition[], 'Completed') ?? {}
    return { phase: status?.phase ?? '', reason, message }
  }

  async get<T extends KubeObject = VirtualMachine>(kind: string, name: string): Promise<T> {
    return await this.host.client.objects.get<T>(await this.resource(kind), this.#name(name))
  }

  /** RFC 7396. */
  async patch<T extends KubeObject = VirtualMachine>(kind: string, name: string, patch: unknown): Promise<T> {
    return await this.host.client.objects.mergePatch<T>(await this.resource(kind), this.#name(name), patch)
  }

  async delete(kind: string, name: string): Promise<void> {
    await this.host.client.objects.delete(await this.resource(kind), this.#name(name))
  }

  async list<T extends KubeObject>(kind: string): Promise<readonly T[]> {
    const { items } = await this.host.client.objects.list<T>(await this.resource(kind), { namespace: this.namespace })
    return items
  }

  /** The object, once it is as wanted. An agent that is away meanwhile is waited for. */
  async until<T extends KubeObject = VirtualMachine>(
    kind: string,
    name: string,
    wanted: (object: T) => boolean,
    seconds = 90,
  ): Promise<T> {
    return await until(`${kind} ${name}`, seconds, () => this.get<T>(kind, name), wanted)
  }

  async untilPhase(vm: string, phase: string, seconds = 90): Promise<VirtualMachine> {
    return await this.until('VirtualMachine', vm, ({ status }) => phaseIs(status, phase), seconds)
  }

  async untilGone(kind: string, name: string, seconds = 90): Promise<void> {
    const resource = await this.resource(kind)
    await waitFor(
      `${kind} ${name} gone`,
      seconds,
      async () => (await this.host.client.objects.find(resource, this.#name(name))) === null,
    )
  }

  /** Connects as soon as the virtual machine runs; its boot is still to come then. */
  async console(vm: string): Promise<GuestConsole> {
    await this.untilPhase(vm, 'Running')
    return await GuestConsole.open(this.host.client, this.namespace, vm)
  }

  /** The Node of the host, once its condition `type` is as wanted. */
  async untilNode(
    type: string,
    status: string,
    seconds = 60,
  ): Promise<Pick<Condition, 'status' | 'reason' | 'message'>> {
    const nodes = await this.resource('Node')
    let last: unknown
    return await waitFor(
      `Node ${this.host.name}: ${type} ${status}`,
      seconds,
      async () => {
        const node = await this.host.client.objects.get(nodes, { namespace: '', name: this.host.name })
        last = node.status
        const seen = condition(node, type)
        return seen.status === status && seen
      },
      () => JSON.stringify(last, null, 1),
    )
  }

  /** Events about an object, by its kind and name; about one without a namespace they lie in `default`. */
  async events(kind: string, name: string): Promise<readonly RecordedEvent[]> {
    const namespace = kind === 'Node' ? 'default' : this.namespace
    const { items } = await this.host.client.objects.list<RecordedEvent>(await this.resource('Event'), { namespace })
    return items.filter(({ involvedObject: about }) => about.kind === kind && about.name === name)
  }

  /** A console whose guest has booted to its prompt. */
  async booted(vm: string): Promise<GuestConsole> {
    const console = await this.console(vm)
    await console.prompt()
    return console
  }

  /** libvirt's name of a virtual machine here. */
  domain(vm: string): string {
    return `${this.namespace}.${vm}`
  }

  /** Pid of the virtual machine's QEMU as the host sees it; 0 when it has none. */
  async qemuPid(vm: string): Promise<number> {
    const path = join(this.host.dir, 'run/libvirt/qemu', `${this.domain(vm)}.pid`)
    return Number(await readFile(path, 'utf8').catch(() => '0'))
  }

  /** SIGKILL for the virtual machine's QEMU, once there is one; returns its pid. */
  async killQemu(vm: string): Promise<number> {
    const pid = await waitFor(`a QEMU of ${vm} to kill`, 30, async () => (await this.qemuPid(vm)) || null)
    await this.host.signal('KILL', pid)
    return pid
  }

  /** Until the virtual machine runs in another QEMU than `old`. */
  async untilNewQemu(vm: string, old: number, seconds = 90): Promise<number> {
    const pid = await waitFor(`another QEMU of ${vm} than ${old}`, seconds, async () => {
      const now = await this.qemuPid(vm)
      return now !== 0 && now !== old && now
    })
    await this.untilPhase(vm, 'Running')
    return pid
  }

  /** Deletes the namespace and waits until it is gone. */
  async remove(): Promise<void> {
    const resource = await this.resource('Namespace')
    await this.host.client.objects.delete(resource, { namespace: '', name: this.namespace })
    await this.untilGone('Namespace', this.namespace, 120)
  }

  async resource(kind: string, apiVersion?: string): Promise<ResourceInfo> {
    const catalog = await this.host.client.catalog()
    return apiVersion === undefined ? catalog.resolve(kind) : catalog.ofObject(apiVersion, kind)
  }

  #name(name: string) {
    return { namespace: this.namespace, name }
  }
}

export interface RecordedEvent extends KubeObject {
  readonly involvedObject: { readonly kind: string; readonly name: string }
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly count: number
}

interface Draft {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name?: string
    readonly generateName?: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

const phaseIs = (status: unknown, phase: string): boolean =>
  (status as { readonly phase?: string } | undefined)?.phase === phase

/** The condition of that type; absent ones read as `Unknown`. */
export function condition(object: KubeObject, type: string): Pick<Condition, 'status' | 'reason' | 'message'> {
  const { conditions } = (object.status ?? {}) as { readonly conditions?: readonly Condition[] }
  const found = getCondition(conditions, type)
  return { status: found?.status ?? 'Unknown', reason: found?.reason ?? '', message: found?.message ?? '' }
}
