// The newest revision at which each resource changed: tells when a watch has seen all there is.
import type { Revision, Store } from '../../store/store.ts'

/** Follows the store from its construction until `close`. */
export class LastChanges {
  readonly #newest = new Map<string, Revision>()
  readonly #unsubscribe: () => void

  constructor(store: Pick<Store, 'subscribe'>) {
    this.#unsubscribe = store.subscribe((changes) => {
      for (const change of changes) {
        const [key, revision] =
          change.type === 'put' ? [change.entry.key, change.entry.revision] : [change.key, change.revision]
        this.#newest.set(key.resource, revision)
        if (key.namespace !== '') this.#newest.set(`${key.resource}/${key.namespace}`, revision)
      }
    })
  }

  /** The newest change since construction of a resource, in one namespace when given; 0 when there was none. */
  of(resource: string, namespace: string | undefined): Revision {
    return this.#newest.get(namespace === undefined ? resource : `${resource}/${namespace}`) ?? 0n
  }

  close(): void {
    this.#unsubscribe()
  }
}
