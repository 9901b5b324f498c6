// Objects by name, kept in the order of namespace and name.
import type { KubeObject, NamespacedName } from '../object.ts'

/** NUL sorts before every character of a name, so that `a` comes before `a-b` whatever follows. */
const SEPARATOR = '\0'
const AFTER_SEPARATOR = '\x01'

const idOf = ({ namespace, name }: NamespacedName): string => namespace + SEPARATOR + name

export class SortedObjects {
  readonly #objects = new Map<string, KubeObject>()
  readonly #ids: string[] = []

  get(name: NamespacedName): KubeObject | null {
    return this.#objects.get(idOf(name)) ?? null
  }

  set(name: NamespacedName, object: KubeObject): void {
    const id = idOf(name)
    if (!this.#objects.has(id)) this.#ids.splice(this.#place(id), 0, id)
    this.#objects.set(id, object)
  }

  delete(name: NamespacedName): void {
    const id = idOf(name)
    if (this.#objects.delete(id)) this.#ids.splice(this.#place(id), 1)
  }

  get size(): number {
    return this.#objects.size
  }

  /** So many at most, in order. */
  first(most: number): KubeObject[] {
    return this.#of(this.#ids.slice(0, most))
  }

  /** In order; only of one namespace when given. */
  list(namespace?: string): KubeObject[] {
    if (namespace === undefined) return this.#of(this.#ids)
    return this.#of(this.#ids.slice(this.#place(namespace + SEPARATOR), this.#place(namespace + AFTER_SEPARATOR)))
  }

  #of(ids: readonly string[]): KubeObject[] {
    const found: KubeObject[] = []
    for (const id of ids) {
      const object = this.#objects.get(id)
      if (object !== undefined) found.push(object)
    }
    return found
  }

  /** Index of the first id that is not before `id`. */
  #place(id: string): number {
    let low = 0
    let high = this.#ids.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#ids[middle] ?? '') < id) low = middle + 1
      else high = middle
    }
    return low
  }
}
