// What a watcher of one kind at one server sees, with the moment at which it saw it.
import type { Client } from '../../../lib/client/client.ts'
import type { ResourceInfo } from '../../../lib/client/paths.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { KindDef } from '../../../schemas/index.ts'

/** A kind as the client needs it said. */
export const infoOf = ({ group, storageVersion, plural, singular, kind, namespaced }: KindDef): ResourceInfo => ({
  group,
  version: storageVersion,
  plural,
  singular,
  kind,
  namespaced,
  shortNames: [],
  categories: [],
  verbs: [],
})

/** Undefined: it is gone. `at`: monotonic ms. */
type Look<T> = (object: T | undefined, name: string, at: number) => void

export class Sights<T extends KubeObject> {
  readonly #objects = new Map<string, T>()
  readonly #looks = new Set<Look<T>>()
  readonly #stop = new AbortController()
  #following: Promise<void> = Promise.resolve()

  /** Resolves when the watch stands: from then on nothing is missed. */
  start(client: Client, kind: KindDef): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#following = this.#follow(client, infoOf(kind), resolve).catch(reject)
    })
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the bench is over'))
    await this.#following
  }

  now(name: string): T | undefined {
    return this.#objects.get(name)
  }

  all(): readonly T[] {
    return [...this.#objects.values()]
  }

  /** Told of each change; returns the unsubscribe function. */
  onSight(look: Look<T>): () => void {
    this.#looks.add(look)
    return () => this.#looks.delete(look)
  }

  /** The moment at which `is` became true of the object, or was found true. @throws Error after `timeoutMs` */
  until(name: string, what: string, is: (object: T | undefined) => boolean, timeoutMs: number): Promise<number> {
    if (is(this.now(name))) return Promise.resolve(performance.now())
    return new Promise((resolve, reject) => {
      const end = this.onSight((object, seen, at) => {
        if (seen !== name || !is(object)) return
        end()
        clearTimeout(timer)
        resolve(at)
      })
      const timer = setTimeout(() => {
        end()
        const last = JSON.stringify((this.now(name) as { readonly status?: unknown } | undefined)?.status ?? null)
        reject(new Error(`${name}: not ${what} within ${timeoutMs / 1000} s; last seen ${last}`))
      }, timeoutMs)
    })
  }

  async #follow(client: Client, resource: ResourceInfo, ready: () => void): Promise<void> {
    const { signal } = this.#stop
    try {
      for await (const change of client.objects.follow<T>(resource, {}, { signal })) {
        if (change.type === 'sync') {
          for (const object of change.items) this.#see(object, object.metadata.name)
          ready()
        } else this.#see(change.type === 'gone' ? undefined : change.object, change.object.metadata.name)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #see(object: T | undefined, name: string): void {
    const at = performance.now()
    if (object === undefined) this.#objects.delete(name)
    else this.#objects.set(name, object)
    for (const look of this.#looks) look(object, name, at)
  }
}
