// VirtualImage and ClusterVirtualImage: load, observe, plan, run, say. The two kinds differ in names only.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { EventText } from '../../../lib/controllers/event-text.ts'
import { fromKey, type KubeObject, type NamespacedName, toKey } from '../../../lib/object.ts'
import { again, DONE, type Outcome, type Pass, type Reconciler } from '../../../lib/reconcile/types.ts'
import { AGENT_EVENTS } from '../../events.ts'
import type { ContentStore } from '../../images/content-store.ts'
import type { ImportQueue } from '../../images/import-queue.ts'
import { recorded } from '../../images/recorded.ts'
import { type AnyImage, httpSource, type ImageHave, type ImageObserveDeps, observeImage } from './observe.ts'
import { type ImageStep, planImage } from './plan.ts'
import { imageStatus, isLost } from './status.ts'

export interface ImageDeps extends ImageObserveDeps {
  readonly resources: Resources
  readonly clock: Clock
  readonly events: { record(object: KubeObject, text: EventText): void }
  readonly content: ContentStore
  readonly imports: ImportQueue
  /** Asks for a pass of this key by this controller. */
  readonly wake: (key: string) => void
}

/** What tells the two kinds apart. */
export interface ImageKind<T extends AnyImage> {
  readonly resource: string
  readonly cleanup: string
  readonly protection: string
  /** Adds what only this kind says. */
  readonly complete: (status: ReturnType<typeof imageStatus>, have: ImageHave) => T['status']
}

const PROGRESS_MS = 1_000
const LOST_MS = 15_000

type Target = NamespacedName & { readonly uid: string }

export class ImageReconciler<T extends AnyImage> implements Reconciler {
  readonly #kind: ImageKind<T>
  readonly #deps: ImageDeps

  constructor(kind: ImageKind<T>, deps: ImageDeps) {
    this.#kind = kind
    this.#deps = deps
  }

  async reconcile(key: string, _signal: AbortSignal, pass: Pass): Promise<Outcome> {
    const name = fromKey(key)
    const image = this.#deps.reader.get<T>(this.#kind.resource, name)
    if (image === null) return DONE
    const target = { ...name, uid: image.metadata.uid }
    const have = await observeImage(image, this.#kind, this.#deps)
    for (const step of planImage(have)) await this.#run(step, image, target, pass)
    return await this.#say(target)
  }

  /** Steps are idempotent; none decides anything. */
  async #run(step: ImageStep, image: T, target: Target, pass: Pass): Promise<void> {
    const { resources, content, imports, wake } = this.#deps
    const { resource, cleanup, protection } = this.#kind
    switch (step.do) {
      case 'hold':
        return resources.addFinalizer(resource, target, cleanup)
      case 'let-go':
        return resources.removeFinalizer(resource, target, cleanup)
      case 'protect':
        return resources.addFinalizer(resource, target, protection)
      case 'unprotect':
        return resources.removeFinalizer(resource, target, protection)
      case 'end-import':
        return imports.cancel(target.uid)
      case 'release':
        return content.release(target.uid)
      case 'record':
        return content.recordObject(target.uid, recorded(image))
      case 'import': {
        const source = httpSource(image.spec)
        if (source === null) return
        const content = step.content ?? undefined
        const request = { source, content, claim: { uid: target.uid, object: recorded(image) } }
        const onChange = () => wake(toKey(target))
        return imports.ensure({ namespace: target.namespace, request, onChange, log: pass.log })
      }
    }
  }

  async #say(target: Target): Promise<Outcome> {
    const { reader, resources, clock } = this.#deps
    const image = reader.get<T>(this.#kind.resource, target)
    if (image === null || image.metadata.uid !== target.uid) return DONE
    const have = await observeImage(image, this.#kind, this.#deps)
    const now = clock.now()
    await resources.modifyStatus<T>(this.#kind.resource, target, (before, object) =>
      this.#kind.complete(imageStatus({ image: object, before, have, now }), have),
    )
    this.#report(image, have)
    return nextLook(have, now)
  }

  /** One event per change of what the import came to. */
  #report(image: T, have: ImageHave): void {
    const { events } = this.#deps
    const before = image.status?.phase
    if (have.deleting) return
    if (have.image !== null && before !== 'Ready' && before !== 'ImageLost') {
      events.record(image, AGENT_EVENTS.text('DataSourceImportCompleted', 'The image is ready'))
    }
    if (isLost(have) && before === 'Ready') {
      events.record(image, AGENT_EVENTS.text('ImageLost', 'The file of the image is missing'))
    }
    if (have.image === null && have.import?.kind === 'running' && before !== 'Provisioning') {
      events.record(image, AGENT_EVENTS.text('DataSourceImportStarted', 'The download has begun'))
    }
    if (have.image === null && have.import?.kind === 'failed' && before !== 'Failed') {
      events.record(image, AGENT_EVENTS.text('DataSourceImportFailed', have.import.message))
    }
  }
}

/** When to look again without being woken. */
export function nextLook(have: ImageHave, now: number): Outcome {
  if (have.deleting || have.image !== null) return DONE
  if (isLost(have)) return again(LOST_MS, 'the file of the image is missing')
  if (have.import?.kind === 'running') return again(PROGRESS_MS, 'the import is running')
  if (have.import?.kind === 'queued') return again(PROGRESS_MS, 'the import waits for its turn')
  if (have.import?.kind === 'failed' && have.import.retryAt !== null) {
    return again(Math.max(have.import.retryAt - now, 0), 'the import is tried again')
  }
  return DONE
}
