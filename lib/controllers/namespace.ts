// A namespace that is deleted takes everything in it along, kind by kind, and goes when it is empty. Resumable: what is left says what to do.
import type { Resources } from '../apiserver/resources.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { type Condition, fromKey, type KubeObject, nameOf, toKey } from '../object.ts'
import { Controller, type ControllerObserver } from '../reconcile/controller.ts'
import type { ReconcileLog } from '../reconcile/log.ts'
import type { Reader } from '../reconcile/reader.ts'
import { itself, on } from '../reconcile/sources.ts'
import { again, DONE, type Outcome, type Reconciler } from '../reconcile/types.ts'
import { keyOf } from '../store/change.ts'
import { type Remaining, terminatingConditions } from './namespace-status.ts'

const NAMESPACES = 'namespaces'
/** Holds a namespace until it is empty; put on by the API server when deletion is asked for. Kubernetes' name. */
const FINALIZER = 'kubernetes'

export interface NamespaceControllerOptions {
  /** Holds `namespaces` and all of `order`. */
  readonly reader: Reader
  readonly resources: Resources
  /** Every namespaced resource of the server, in the order of deletion: the next begins when the one before is gone. */
  readonly order: readonly string[]
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

/** Deletions asked for at the same time; they share commits. */
const BATCH = 50
const BREATH_MS = 5
/** Every deletion inside brings the namespace back at once; this is only for what changes without one. */
const LOOK_AGAIN_MS = 5_000

interface NamespaceStatus {
  readonly phase?: string
  readonly conditions?: readonly Condition[]
}

/** The controller; starts when told. */
export function createNamespaceController(options: NamespaceControllerOptions): Controller {
  const { reader, order, clock, log } = options
  const controller = new Controller({
    name: 'namespace',
    reconciler: new NamespaceReconciler(options),
    concurrency: 4,
    clock,
    log,
    ...(options.observer === undefined ? {} : { observer: options.observer }),
    keys: () => reader.list(NAMESPACES).map((namespace) => toKey(nameOf(namespace))),
  })
  on(reader, NAMESPACES, itself, controller)
  for (const resource of order) {
    on(
      reader,
      resource,
      (change) => (change.type === 'put' ? [] : goingNamespace(reader, keyOf(change).namespace)),
      controller,
    )
  }
  return controller
}

/** The key of that namespace while it is being deleted. */
function goingNamespace(reader: Reader, name: string): readonly string[] {
  const namespace = reader.get(NAMESPACES, { namespace: '', name })
  return namespace?.metadata.deletionTimestamp === undefined ? [] : [toKey(nameOf(namespace))]
}

class NamespaceReconciler implements Reconciler {
  readonly #options: NamespaceControllerOptions

  constructor(options: NamespaceControllerOptions) {
    this.#options = options
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { reader, resources } = this.#options
    const namespace = reader.get(NAMESPACES, fromKey(key))
    if (namespace === null) return DONE
    if (namespace.metadata.deletionTimestamp === undefined) return this.#activate(namespace)
    const remaining = this.#remaining(namespace)
    const [stage] = remaining
    if (stage === undefined) {
      const target = { ...nameOf(namespace), uid: namespace.metadata.uid }
      await resources.removeFinalizer(NAMESPACES, target, FINALIZER)
      return DONE
    }
    const doomed = stage.objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    const failures = await this.#delete(stage.resource, doomed.slice(0, BATCH))
    signal.throwIfAborted()
    if (doomed.length > 0 && failures.length === 0)
      return again(BREATH_MS, `deleting ${doomed.length} ${stage.resource}`)
    await this.#report(namespace, failures)
    if (failures.length > 0) throw new Error(`some of ${stage.resource} could not be deleted: ${failures.join('; ')}`)
    return again(LOOK_AGAIN_MS, `${stage.objects.length} ${stage.resource} are still going`)
  }

  async #activate(namespace: KubeObject): Promise<Outcome> {
    const target = { ...nameOf(namespace), uid: namespace.metadata.uid }
    await this.#options.resources.modifyStatus<KubeObject>(NAMESPACES, target, (status, { metadata }) =>
      metadata.deletionTimestamp === undefined ? { ...(status as NamespaceStatus), phase: 'Active' } : status,
    )
    return DONE
  }

  /** What is left, in the order of deletion; resources without objects are not in it. */
  #remaining(namespace: KubeObject): readonly Remaining[] {
    const { reader, order } = this.#options
    return order
      .map((resource) => ({ resource, objects: reader.list(resource, namespace.metadata.name) }))
      .filter(({ objects }) => objects.length > 0)
  }

  /** @returns what went wrong, in words */
  async #delete(resource: string, objects: readonly KubeObject[]): Promise<readonly string[]> {
    const attempts = await Promise.allSettled(
      objects.map((object) =>
        this.#options.resources.delete(resource, nameOf(object), {
          uid: object.metadata.uid,
          propagation: 'Background',
        }),
      ),
    )
    return attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [messageOf(attempt.reason)] : []))
  }

  async #report(namespace: KubeObject, failures: readonly string[]): Promise<void> {
    const { resources, clock } = this.#options
    const remaining = this.#remaining(namespace)
    const target = { ...nameOf(namespace), uid: namespace.metadata.uid }
    await resources.modifyStatus<KubeObject>(NAMESPACES, target, (status) => {
      const before = (status as NamespaceStatus | undefined)?.conditions ?? []
      return { phase: 'Terminating', conditions: terminatingConditions(remaining, failures, before, clock.now()) }
    })
  }
}
