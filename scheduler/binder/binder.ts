// Makes hosts have what they shall: the only writer of HostBindings. One small controller per host, so that one which does not answer
// holds up nobody else. A pass compares what the store says with what the host told; nothing else is remembered.
import type { Resources } from '../../lib/apiserver/resources.ts'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Counts } from '../../lib/metrics/metrics.ts'
import { fromKey, type KubeObject, nameOf } from '../../lib/object.ts'
import { Controller, type ControllerObserver } from '../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import { again, DONE, type Outcome } from '../../lib/reconcile/types.ts'
import type { HostBinding, HostBindingSpec } from '../../schemas/index.ts'
import { CLUSTER_IMAGES, IMAGES } from '../../schemas/resources.ts'
import { HOSTS_FINALIZER } from '../controllers/virtualmachine/finalizer.ts'
import { byUid } from '../indexes.ts'
import type { Links } from '../links/links.ts'
import { refusalOf } from '../links/refusal.ts'
import type { Ruler } from '../links/ruler.ts'
import { BINDING_PUTS } from '../metrics/catalogue.ts'
import type { Wish } from './bindings.ts'
import { digestOf, PUT_DIGEST } from './copies.ts'
import type { Refusals, RefusedBinding } from './refusals.ts'
import { type WishDeps, wantingNodes, wishAt } from './wishes.ts'

export interface BinderDeps extends WishDeps {
  readonly resources: Pick<Resources, 'addFinalizer'>
  readonly agents: Pick<Links, 'view' | 'bindingsOf' | 'put' | 'forget'>
  readonly ruler: Ruler
  readonly refusals: Refusals
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
  readonly metrics?: Counts
  /** A host refused a binding. */
  readonly onRefused: (refused: RefusedBinding) => void
  /** A host that has yet to hear of an object does not answer. */
  readonly onSilent: (node: string, uid: string) => void
  /** A host has an object that the store does not know. Resolves when that is told; when it rejects, it is called again later. */
  readonly onOrphan: (node: string, binding: HostBinding) => Promise<void>
}

/** Puts at one host at the same time; their commits there are shared. */
const CONCURRENCY = 4
/** A host that refused is asked again so late: nothing here may have changed meanwhile. */
const REFUSED_AGAIN_MS = 60_000
/** A stale epoch is no accident that passes. */
const STALE_AGAIN_MS = 300_000

export class Binder {
  readonly #deps: BinderDeps
  readonly #controllers = new Map<string, Controller>()
  #running = false

  constructor(deps: BinderDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running = true
    for (const controller of this.#controllers.values()) controller.start()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#controllers.values()].map((controller) => controller.stop()))
  }

  /** A node that left. */
  async drop(node: string): Promise<void> {
    const controller = this.#controllers.get(node)
    this.#controllers.delete(node)
    await controller?.stop()
  }

  /** Asks for a look at what a host has of an object. */
  enqueue(node: string, resource: string, uid: string): void {
    this.#of(node).enqueue(`${resource}/${uid}`)
  }

  /** Bindings that wait to be put, over all hosts. */
  get depth(): number {
    return [...this.#controllers.values()].reduce((sum, { depth }) => sum + depth, 0)
  }

  /** Hosts that shall have it, or something of it. */
  wanting(resource: string, object: KubeObject): readonly string[] {
    return wantingNodes(resource, object, this.#deps)
  }

  #of(node: string): Controller {
    const known = this.#controllers.get(node)
    if (known !== undefined) return known
    const { clock, log, observer } = this.#deps
    const controller = new Controller({
      name: 'binder',
      reconciler: { reconcile: (key, signal) => this.#pass(node, key, signal) },
      clock,
      log,
      concurrency: CONCURRENCY,
      ...(observer === undefined ? {} : { observer }),
    })
    this.#controllers.set(node, controller)
    if (this.#running) controller.start()
    return controller
  }

  /** Of an image that one host alone: what one has does not depend on others. */
  #holders(resource: string, uid: string, node: string): ReadonlyMap<string, HostBinding> {
    const { agents } = this.#deps
    if (resource !== IMAGES && resource !== CLUSTER_IMAGES) return agents.bindingsOf(uid)
    const binding = agents.view(node)?.binding(uid) ?? null
    return new Map(binding === null ? [] : [[node, binding]])
  }

  async #pass(node: string, key: string, signal: AbortSignal): Promise<Outcome> {
    const { reader, agents, ruler } = this.#deps
    const { namespace: resource, name: uid } = fromKey(key)
    const view = agents.view(node)
    const mark = ruler.mark()
    // Each of these wakes the key again when it changes.
    if (view === null || !view.inSync || mark === null || !ruler.isAcceptedBy(node)) return DONE
    const current = view.binding(uid)
    const object = reader.byIndex(byUid(resource), uid)[0] ?? null
    if (object === null) return current === null ? DONE : await this.#unknown(node, current, signal)
    const wish = wishAt(node, resource, object, this.#holders(resource, uid, node), this.#deps)
    if (wish === undefined || wish === 'wait') return DONE
    const digest = digestOf(wish.spec, wish.objects)
    if (current?.metadata.annotations?.[PUT_DIGEST] === digest) return DONE
    // Before the host hears of it, so that the object cannot go while the host has it.
    if (
      object.metadata.deletionTimestamp === undefined &&
      !(object.metadata.finalizers ?? []).includes(HOSTS_FINALIZER)
    )
      await this.#deps.resources.addFinalizer(resource, { ...nameOf(object), uid }, HOSTS_FINALIZER)
    return await this.#put(node, bindingOf(uid, wish, digest, mark), signal)
  }

  async #put(node: string, binding: HostBinding, signal: AbortSignal): Promise<Outcome> {
    const { agents, ruler, refusals, log, metrics } = this.#deps
    const uid = binding.metadata.name
    const { epoch, role, subject } = binding.spec
    try {
      await agents.put(node, binding, signal)
      refusals.clear(uid, node)
      metrics?.inc(BINDING_PUTS, { outcome: 'taken' })
      return DONE
    } catch (error) {
      const kind = refusalOf(error)
      metrics?.inc(BINDING_PUTS, { outcome: kind })
      const message = messageOf(error)
      const facts = { node, uid, epoch, role, object: `${subject.namespace}/${subject.name}` }
      if (kind === 'superseded') {
        ruler.supersede(node, message)
        return DONE
      }
      // Its next claim brings these keys again.
      if (kind === 'unclaimed') {
        ruler.forgottenBy(node)
        return DONE
      }
      // The controller comes again, ever more seldom.
      if (kind === 'silent') this.#deps.onSilent(node, uid)
      if (kind === 'silent' || kind === 'busy') throw error
      log.warn({ ...facts, kind }, `a host refused a binding: ${message}`)
      const refused = { node, uid, epoch, kind, message }
      refusals.add(refused)
      this.#deps.onRefused(refused)
      return again(kind === 'stale' ? STALE_AGAIN_MS : REFUSED_AGAIN_MS, message)
    }
  }

  /** Gone everywhere: the host may forget it. Otherwise it is the host's alone, and stays. */
  async #unknown(node: string, binding: HostBinding, signal: AbortSignal): Promise<Outcome> {
    const isGone = binding.status?.phase === 'Released'
    if (isGone) await this.#deps.agents.forget(node, binding.metadata.name, signal)
    else await this.#deps.onOrphan(node, binding)
    return DONE
  }
}

function bindingOf(uid: string, { spec, objects }: Wish, digest: string, ruler: HostBindingSpec['ruler']): HostBinding {
  return {
    apiVersion: 'cluster.berth/v1',
    kind: 'HostBinding',
    // The server completes the metadata.
    metadata: { name: uid, annotations: { [PUT_DIGEST]: digest } } as unknown as HostBinding['metadata'],
    spec: { ...spec, ruler },
    objects,
  }
}
