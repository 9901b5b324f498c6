// Objects by name, kept in the order of namespace and name.
import type { KubeObject, NamespacedName } from '../object.ts'
import { SortedIds } from './sorted-ids.ts'

/** NUL sorts before every character of a name, so that `a` comes before `a-b` whatever follows. */
const SEPARATOR = '\0'
const AFTER_SEPARATOR = '\x01'

const idOf = ({ namespace, name }: NamespacedName): string => namespace + SEPARATOR + name

export class SortedObjects {
  readonly #objects = new Map<string, KubeObject>()
  readonly #ids = new SortedIds()

  get(name: NamespacedName): KubeObject | null {
    return this.#objects.get(idOf(name)) ?? null
  }

  set(name: NamespacedName, object: KubeObject): void {
    const id = idOf(name)
    if (!this.#objects.has(id)) this.#ids.add(id)
    this.#objects.set(id, object)
  }

  delete(name: NamespacedName): void {
    const id = idOf(name)
    if (this.#objects.delete(id)) this.#ids.delete(id)
  }

  get size(): number {
    return this.#objects.size
  }

  /** So many at most, in order. */
  first(most: number): KubeObject[] {
    return this.#of(this.#ids.first(most))
  }

  /** In order; only of one namespace when given. */
  list(namespace?: string): KubeObject[] {
    return this.#of(
      namespace === undefined ? this.#ids.all() : this.#ids.all(namespace + SEPARATOR, namespace + AFTER_SEPARATOR),
    )
  }

  #of(ids: readonly string[]): KubeObject[] {
    const found: KubeObject[] = []
    for (const id of ids) {
      const object = this.#objects.get(id)
      if (object !== undefined) found.push(object)
    }
    return found
  }
}
