// One copy in memory of each current object for as long as anyone holds it, without keeping it alive.
import type { KubeObject } from '../../object.ts'
import type { Entry, Revision, StoreKey } from '../store.ts'

interface Slot {
  readonly revision: Revision
  readonly ref: WeakRef<KubeObject>
}

const idOf = ({ resource, namespace, name }: StoreKey): string => `${resource}\0${namespace}\0${name}`

export class SharedValues {
  readonly #slots = new Map<string, Slot>()
  readonly #collected = new FinalizationRegistry<string>((id) => {
    if (this.#slots.get(id)?.ref.deref() === undefined) this.#slots.delete(id)
  })

  put(entry: Entry): void {
    const id = idOf(entry.key)
    this.#slots.set(id, { revision: entry.revision, ref: new WeakRef(entry.value) })
    this.#collected.register(entry.value, id)
  }

  remove(key: StoreKey): void {
    this.#slots.delete(idOf(key))
  }

  /** The current entry, when its value is still in memory. */
  entry(key: StoreKey): Entry | null {
    const slot = this.#slots.get(idOf(key))
    const value = slot?.ref.deref()
    return slot === undefined || value === undefined ? null : { key, value, revision: slot.revision }
  }

  /** The value of that very revision, when it is still in memory. */
  value(key: StoreKey, revision: Revision): KubeObject | null {
    const slot = this.#slots.get(idOf(key))
    return slot?.revision === revision ? (slot.ref.deref() ?? null) : null
  }
}
