// Brings up what hosts tell: statuses of machines, disks and images by uid, operations, the hosts themselves. Level-triggered: a pass
// compares what a host last told with what the store has, and writes only what differs.
import type { Resources } from '../../lib/apiserver/resources.ts'
import type { Clock } from '../../lib/clock.ts'
import { isApiError } from '../../lib/errors.ts'
import type { Counts } from '../../lib/metrics/metrics.ts'
import { fromKey, type KubeObject, nameOf } from '../../lib/object.ts'
import { Controller, type ControllerObserver } from '../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { DONE, type Outcome } from '../../lib/reconcile/types.ts'
import {
  type ClusterDiskStatus,
  clusterStatusOf,
  type Node,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../schemas/index.ts'
import { CLUSTER_IMAGES, IMAGES, NODES, VM_OPERATIONS, VMS } from '../../schemas/resources.ts'
import { hasEnded } from '../binder/needs.ts'
import { byPlace, byUid, SHARED } from '../indexes.ts'
import type { Links } from '../links/links.ts'
import { MIRROR_LAG } from '../metrics/catalogue.ts'
import { mirrored, mirroredLabels, mirroredNode, mirroredVm, unheardVm } from './status.ts'

export interface MirrorDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly agents: Pick<Links, 'view' | 'holders'>
  /** Why nothing can be said of a host now, in words; null while it is heard. */
  readonly silence: (node: string) => string | null
  /** Whether the node is a member of the cluster. */
  readonly isMember: (node: string) => boolean
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
  readonly metrics?: Counts
}

/** Writes at the same time; their commits are shared. */
const CONCURRENCY = 32
/** An operation that was made and done at a host while no scheduler looked is taken up when it is younger. */
const RECENT_MS = 3_600_000
/** Annotation of a copy that a host has from a scheduler. */
const BOUND = 'berth/bound'
const BAR = '|'
const LAST = 'what is shown is the last that it told'

export class Mirror {
  readonly controller: Controller
  readonly #deps: MirrorDeps
  /** Operations that were taken up: one that is deleted here is not taken up again. */
  readonly #taken = new Set<string>()
  /** Machines that say what this copy says: a host that is read anew tells of all that it has, and most of it is known. */
  readonly #settled = new WeakMap<VirtualMachine, VirtualMachine>()
  /** Since when a key waits to be brought up, in monotonic milliseconds. */
  readonly #toldAt = new Map<string, number>()

  constructor(deps: MirrorDeps) {
    this.#deps = deps
    const { clock, log, observer } = deps
    this.controller = new Controller({
      name: 'mirror',
      reconciler: { reconcile: (key) => this.#pass(key) },
      isDeaf: true,
      clock,
      log,
      concurrency: CONCURRENCY,
      ...(observer === undefined ? {} : { observer }),
    })
  }

  /** Asks for a look at what a host told of an object; of an image at what all of them told. */
  enqueue(node: string, resource: string, uid: string): void {
    const key = `${resource}${BAR}${isImage(resource) ? '' : node}/${uid}`
    if (!this.#toldAt.has(key)) this.#toldAt.set(key, this.#deps.clock.monotonic())
    this.controller.enqueue(key)
  }

  /** A host is heard of no more, or again: all of its machines say so. */
  enqueueNode(node: string): void {
    this.enqueue(node, NODES, node)
    for (const vm of this.#deps.reader.byIndex(byPlace(VMS), node)) this.enqueue(node, VMS, vm.metadata.uid)
  }

  async #pass(key: string): Promise<Outcome> {
    const toldAt = this.#toldAt.get(key)
    this.#toldAt.delete(key)
    try {
      await this.#bringUp(key)
    } catch (error) {
      if (toldAt !== undefined) this.#toldAt.set(key, toldAt)
      throw error
    }
    const { clock, metrics } = this.#deps
    if (toldAt !== undefined) metrics?.observe(MIRROR_LAG, {}, (clock.monotonic() - toldAt) / 1000)
    return DONE
  }

  async #bringUp(key: string): Promise<void> {
    const { namespace, name: uid } = fromKey(key)
    const bar = namespace.indexOf(BAR)
    const [resource, node] = [namespace.slice(0, bar), namespace.slice(bar + 1)]
    if (resource === NODES) await this.#node(node)
    else if (resource === VM_OPERATIONS) await this.#operation(node, uid)
    else if (resource === VMS) await this.#machine(node, uid)
    else await this.#other(resource, node, uid)
  }

  async #node(name: string): Promise<void> {
    const { reader, resources, agents, silence, clock } = this.#deps
    const node = reader.get<Node>(NODES, { namespace: '', name })
    if (node === null) return
    const copy =
      agents
        .view(name)
        ?.objects<Node>(NODES)
        .find(({ metadata }) => metadata.name === name) ?? null
    const words = silence(name)
    const quiet = words === null ? null : `${words}; ${LAST}`
    if (copy !== null) {
      const labels = mirroredLabels(node.metadata.labels ?? {}, copy.metadata.labels ?? {})
      if (labels !== (node.metadata.labels ?? {}) && Object.keys(labels).length > 0)
        await resources.modify<Node>(NODES, nameOf(node), (current) => {
          const here = current.metadata.labels ?? {}
          const next = mirroredLabels(here, copy.metadata.labels ?? {})
          return next === here ? current : { ...current, metadata: { ...current.metadata, labels: next } }
        })
    }
    const target = { ...nameOf(node), uid: node.metadata.uid }
    await resources.modifyStatus<Node>(NODES, target, (_, current) => mirroredNode(current, copy, quiet, clock.now()))
  }

  async #machine(node: string, uid: string): Promise<void> {
    const { reader, resources, agents, silence, isMember, clock } = this.#deps
    const vm = reader.byIndex<VirtualMachine>(byUid(VMS), uid)[0]
    if (vm === undefined || placeOf(vm) !== node) return
    const copy = told(agents.view(node)?.object<VirtualMachine>(VMS, uid) ?? null)
    const quiet = silence(node)
    const gone = isMember(node) ? null : `its host ${node} is no member of the cluster any more`
    const isHeard = quiet === null && gone === null
    if (isHeard && (copy === null || this.#settled.get(vm) === copy)) return
    const target = { ...nameOf(vm), uid }
    const stored = await resources.modifyStatus<VirtualMachine>(VMS, target, (status, current) => {
      if (placeOf(current) !== node) return status
      if (gone !== null) return unheardVm(current, 'HostGone', gone, clock.now())
      if (quiet !== null) return unheardVm(current, 'NodeStatusUnknown', `${node}: ${quiet}; ${LAST}`, clock.now())
      return copy === null ? status : mirroredVm(current, copy)
    })
    if (isHeard && copy !== null && stored !== null) this.#settled.set(stored, copy)
  }

  /** Disks are on one host; of an image the host speaks that has got furthest. */
  async #other(resource: string, node: string, uid: string): Promise<void> {
    const { reader, resources, agents } = this.#deps
    const object = reader.byIndex(byUid(resource), uid)[0]
    if (object === undefined) return
    const speaker = isImage(resource) ? this.#speakerOf(resource, object) : node
    const copy = speaker === null ? null : told(agents.view(speaker)?.object(resource, uid) ?? null)
    if (copy === null) return
    await resources.modifyStatus(resource, { ...nameOf(object), uid }, (status, current) =>
      !isImage(resource) && placeOf(current) !== node ? status : mirrored(current, copy),
    )
  }

  #speakerOf(resource: string, { metadata: { uid } }: KubeObject): string | null {
    const { agents } = this.#deps
    const heard = agents.holders(uid).flatMap((node) => {
      const copy = agents.view(node)?.object(resource, uid) ?? null
      return copy === null ? [] : [{ node, rank: rankOf(copy) }]
    })
    return heard.sort((a, b) => b.rank - a.rank || (a.node < b.node ? -1 : 1))[0]?.node ?? null
  }

  async #operation(node: string, uid: string): Promise<void> {
    const { reader, resources, agents } = this.#deps
    const copy = agents.view(node)?.object<VirtualMachineOperation>(VM_OPERATIONS, uid) ?? null
    if (copy === null) return
    const known = reader.byIndex<VirtualMachineOperation>(byUid(VM_OPERATIONS), uid)[0]
    if (known === undefined) return await this.#takeUp(node, copy)
    // What is over here stays over, whatever an older host still says.
    if (hasEnded(known) || !isTold(copy)) return
    await resources.modifyStatus<VirtualMachineOperation>(
      VM_OPERATIONS,
      { ...nameOf(known), uid },
      (status, current) =>
        hasEnded(current) ? status : (mirrored(current, copy) as unknown as VirtualMachineOperation['status']),
    )
  }

  /** Made at the host, by somebody who spoke to its agent: it is told here under the same uid. */
  async #takeUp(node: string, copy: VirtualMachineOperation): Promise<void> {
    const { reader, resources, clock, log } = this.#deps
    const { uid, annotations, creationTimestamp, namespace = '' } = copy.metadata
    if (annotations?.[BOUND] !== undefined || this.#taken.has(uid)) return
    const vm = reader.get<VirtualMachine>(VMS, { namespace, name: copy.spec.virtualMachineName })
    if (vm === null || placeOf(vm) !== node) return
    if (hasEnded(copy) && clock.now() - Date.parse(creationTimestamp) > RECENT_MS) return
    const { status: _, ...operation } = copy
    try {
      await resources.recreate<VirtualMachineOperation>(VM_OPERATIONS, operation)
      this.#taken.add(uid)
    } catch (error) {
      // Another one of that name is here: the host's has done its work, and is seen at its agent only.
      if (!isApiError(error, 'AlreadyExists')) throw error
      this.#taken.add(uid)
      log.warn({ node, operation: copy.metadata.name }, 'an operation of a host is not shown here: its name is taken')
      return
    }
    if (!isTold(copy)) return
    await resources.modifyStatus<VirtualMachineOperation>(
      VM_OPERATIONS,
      { ...nameOf(copy), uid },
      (_status, current) => mirrored(current, copy) as unknown as VirtualMachineOperation['status'],
    )
  }
}

/**
 * Its host has said something of it: until then what was known of it here stays. Of a machine that has moved, the target says no more than
 * that it moves, not even where it runs, until it has seen the guest run.
 */
function isTold({ status }: KubeObject): boolean {
  const { phase, nodeName } = (status ?? {}) as { readonly phase?: string; readonly nodeName?: string }
  return phase !== undefined && (phase !== 'Migrating' || nodeName !== undefined)
}

/** What its host says of it; null while that is nothing. */
const told = <T extends KubeObject>(copy: T | null): T | null => (copy !== null && isTold(copy) ? copy : null)

const isImage = (resource: string): boolean => resource === IMAGES || resource === CLUSTER_IMAGES

/** The host that an object was given to. */
export const placeOf = (object: KubeObject): string | null =>
  clusterStatusOf<ClusterDiskStatus>(object).placement?.node ?? null

/** Resources whose copies are looked at. */
export const MIRRORED: readonly string[] = [...SHARED, NODES]

const RANKS: Readonly<Record<string, number>> = { Ready: 4, Provisioning: 3, Pending: 2, Failed: 1 }
const rankOf = ({ status }: KubeObject): number => RANKS[(status as { readonly phase?: string })?.phase ?? ''] ?? 0
