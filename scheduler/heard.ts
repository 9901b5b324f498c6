// Whom a host wakes by what it tells, and by being heard again. What the store wakes is in wake.ts.
import { type KubeObject, nameOf, toKey } from '../lib/object.ts'
import type { Controller } from '../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../lib/reconcile/log.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import type { HostBinding } from '../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, HOST_BINDINGS, IMAGES, NODES, VMS } from '../schemas/resources.ts'
import type { Binder } from './binder/binder.ts'
import { meaningOf } from './binder/newer.ts'
import type { DiskPlaces } from './controllers/virtualdisk/controller.ts'
import type { VmPlacement } from './controllers/virtualmachine/controller.ts'
import { BOUND_RESOURCES, byPlace, byUid, OPERATIONS_BY_VM, referenceOf, VMS_BY_REFERENCE } from './indexes.ts'
import type { Links } from './links/links.ts'
import type { Ruler } from './links/ruler.ts'
import type { Told } from './links/view.ts'
import { MIRRORED, type Mirror } from './mirror/mirror.ts'
import type { Orphans } from './mirror/orphans.ts'
import type { PlacementState } from './placement/state.ts'

export interface HeardDeps {
  readonly reader: Pick<Reader, 'byIndex' | 'list'>
  readonly agents: Pick<Links, 'view'>
  readonly ruler: Pick<Ruler, 'state' | 'term' | 'refusal'>
  /** Hosts that have joined. */
  readonly nodes: () => readonly string[]
  readonly binder: Pick<Binder, 'enqueue' | 'drop'>
  readonly mirror: Pick<Mirror, 'enqueue' | 'enqueueNode'>
  readonly orphans: Pick<Orphans, 'look'>
  readonly placement: Pick<PlacementState, 'refresh'>
  readonly disks: Pick<DiskPlaces, 'turned'> & { readonly controller: Pick<Controller, 'enqueue'> }
  readonly machines: Pick<VmPlacement, 'hope'> & { readonly controller: Pick<Controller, 'enqueue'> }
  /** Of operations. */
  readonly power: Pick<Controller, 'enqueue'>
  /** By resource. */
  readonly releases: ReadonlyMap<string, Pick<Controller, 'enqueue'>>
  readonly log: Pick<ReconcileLog, 'info'>
}

export class Heard {
  readonly #deps: HeardDeps
  #ruled: Ruler['state']['kind']

  constructor(deps: HeardDeps) {
    this.#deps = deps
    this.#ruled = deps.ruler.state.kind
  }

  /** What a host told of an object. */
  told(node: string, { resource, uid, before, own }: Told): void {
    const { agents, mirror, orphans, placement } = this.#deps
    if (MIRRORED.includes(resource)) mirror.enqueue(node, resource, resource === NODES ? node : uid)
    if (resource === NODES) placement.refresh(node)
    if (resource !== HOST_BINDINGS) return
    orphans.look(node)
    const now = agents.view(node)?.binding(uid) ?? null
    if (meaningOf(before as HostBinding | null) !== meaningOf(now)) this.#held(node, uid, own)
  }

  /** The link to a host works again, or does not, or its obedience changed. */
  turned(node: string): void {
    const { reader, agents, binder, mirror, orphans, placement, disks } = this.#deps
    placement.refresh(node)
    mirror.enqueueNode(node)
    disks.turned(node)
    this.wakePower(node)
    const view = agents.view(node)
    if (view === null) return void binder.drop(node)
    if (!view.inSync) return
    orphans.look(node)
    for (const { metadata, spec } of view.bindings()) this.#held(node, metadata.name || spec.subject.uid)
    for (const resource of BOUND_RESOURCES)
      for (const { metadata } of reader.byIndex(byPlace(resource), node)) binder.enqueue(node, resource, metadata.uid)
    for (const resource of [IMAGES, CLUSTER_IMAGES])
      for (const { metadata } of reader.list(resource)) binder.enqueue(node, resource, metadata.uid)
  }

  /** Of the rule of this scheduler: how many hosts have accepted it so far is no news to any of them. */
  ruled(): void {
    const { ruler, machines, nodes, log } = this.#deps
    machines.hope()
    if (ruler.state.kind === this.#ruled) return
    this.#ruled = ruler.state.kind
    log.info({ term: ruler.term, state: this.#ruled }, ruler.refusal() ?? 'this scheduler rules the cluster')
    for (const node of nodes()) this.turned(node)
  }

  /** Operations of the host's machines say whether it is heard. */
  wakePower(node: string): void {
    const { reader, power } = this.#deps
    for (const vm of reader.byIndex(byPlace(VMS), node))
      for (const operation of reader.byIndex(OPERATIONS_BY_VM, toKey(nameOf(vm))))
        power.enqueue(toKey(nameOf(operation)))
  }

  /** Whether the store knows of it what the host does: the disk says so, and so do machines that name it. */
  #diskHeld({ metadata: { namespace = '', name } }: KubeObject, key: string): void {
    const { reader, disks, machines } = this.#deps
    disks.controller.enqueue(key)
    for (const vm of reader.byIndex(VMS_BY_REFERENCE, referenceOf('VirtualDisk', namespace, name)))
      machines.controller.enqueue(toKey(nameOf(vm)))
  }

  /** Whoever decides by what a host has of an object. Of what the binder has put itself it knows. */
  #held(node: string, uid: string, own = false): void {
    const { reader, agents, binder, machines, releases, mirror } = this.#deps
    const subject = agents.view(node)?.binding(uid)?.spec.subject
    for (const of of subject === undefined ? BOUND_RESOURCES : [subject.resource]) {
      if (!own) binder.enqueue(node, of, uid)
      // Of an image all speak that have a binding. Of what is on one host a binding that was put there says nothing new.
      const isWord = !own || of === IMAGES || of === CLUSTER_IMAGES
      for (const object of reader.byIndex(byUid(of), uid)) {
        const key = toKey(nameOf(object))
        if (of === VMS) machines.controller.enqueue(key)
        else releases.get(of)?.enqueue(key)
        if (of === DISKS && isWord) this.#diskHeld(object, key)
        if (isWord) mirror.enqueue(node, of, uid)
      }
    }
  }
}
