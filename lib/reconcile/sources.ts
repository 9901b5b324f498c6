// From changes of objects to keys of a controller.
import { isDeepStrictEqual } from 'node:util'
import { type KubeObject, toKey } from '../object.ts'
import { keyOf } from '../store/change.ts'
import type { Change } from '../store/store.ts'
import type { Reader } from './reader.ts'

/** Who takes keys; a controller. */
export interface KeySink {
  /** `afterMs`: not before; 0 when absent. */
  enqueue(key: string, afterMs?: number): void
}

export type KeysOf = (change: Change) => Iterable<string>

/** The change's object before and after, those that there are. A reference that was removed is in the first one only. */
export function objectsOf(change: Change): readonly KubeObject[] {
  if (change.type === 'delete') return [change.previous]
  return change.previous === null ? [change.entry.value] : [change.previous, change.entry.value]
}

/** The key of the changed object itself. */
export const itself: KeysOf = (change) => [toKey(keyOf(change))]

/** The keys that `keysOf` finds in the object before or after the change. */
export const referredBy =
  (keysOf: (object: KubeObject) => Iterable<string>): KeysOf =>
  (change) =>
    new Set(objectsOf(change).flatMap((object) => [...keysOf(object)]))

/**
 * Only changes of what `facts` gives, and objects that come or go. What others write into a status must not wake those who
 * do not read it: with many VMs each write would make each of them look at its domain.
 */
export const whenDiffers =
  (facts: (object: KubeObject) => readonly unknown[], keysOf: KeysOf): KeysOf =>
  (change) => {
    const same =
      change.type === 'put' &&
      change.previous !== null &&
      change.previous.metadata.uid === change.entry.value.metadata.uid &&
      isDeepStrictEqual(facts(change.previous), facts(change.entry.value))
    return same ? [] : keysOf(change)
  }

/** Sends the keys of each change of `resource` to `sink`. Returns the unsubscribe function. */
export function on(reader: Reader, resource: string, keysOf: KeysOf, sink: KeySink): () => void {
  return reader.onChange((change) => {
    if (keyOf(change).resource !== resource) return
    for (const wanted of keysOf(change)) sink.enqueue(wanted)
  })
}
