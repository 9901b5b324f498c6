// Watch events as bytes, shared by all watches that show a change in the same form: encoded once, however many watch.
import type { KubeObject } from '../../object.ts'
import type { Revision } from '../../store/store.ts'
import type { ServedKind } from '../registry.ts'
import { encodeObject } from './render.ts'

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** Lines kept. Watches of one change ask within a few turns of the event loop; slower ones encode again. */
const KEPT = 256

interface Line {
  readonly type: EventType
  readonly bytes: Buffer
}

export class EventLines {
  readonly #lines = new Map<KubeObject, Line>()

  /** An object that is there. The bytes must not be changed. */
  of(served: ServedKind, type: 'ADDED' | 'MODIFIED', object: KubeObject): Buffer {
    return this.#known(served, type, object, () => object)
  }

  /** An object that went, or left what a watch selects, as it last was. */
  gone(served: ServedKind, previous: KubeObject, revision: Revision): Buffer {
    return this.#known(served, 'DELETED', previous, () => at(previous, revision))
  }

  #known(served: ServedKind, type: EventType, key: KubeObject, object: () => KubeObject): Buffer {
    const known = this.#lines.get(key)
    if (known?.type === type) return known.bytes
    const bytes = Buffer.from(`{"type":"${type}","object":${encodeObject(served, object()).trimEnd()}}\n`)
    this.#lines.set(key, { type, bytes })
    if (this.#lines.size > KEPT) this.#forgetOldest()
    return bytes
  }

  #forgetOldest(): void {
    for (const oldest of this.#lines.keys()) {
      this.#lines.delete(oldest)
      return
    }
  }
}

/** The last value of an object that went, with the revision at which it went. */
export const at = (object: KubeObject, revision: Revision): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(revision) },
})
