// What the tests of stores share: keys, objects, and reading a watch.
import { expect } from 'vitest'
import type { KubeObject } from '../../../../lib/object.ts'
import type { Change, Store, StoreErrorCode, StoreKey } from '../../../../lib/store/store.ts'

export interface Driver {
  readonly store: Store
  /** Drops all of the change log. */
  forget(): Promise<void>
}

export const DISKS = 'virtualdisks.virtualization.deckhouse.io'
export const NODES = 'nodes'

export const key = (name: string, namespace = 'default', resource = DISKS): StoreKey => ({ resource, namespace, name })

export const object = (
  { namespace, name }: StoreKey,
  spec: unknown = {},
  uid = `uid-${namespace}-${name}`,
): KubeObject => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualDisk',
  metadata: { name, namespace, uid, resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec,
})

/** Matches a StoreError of that code. */
export const refusal = (code: StoreErrorCode) => expect.objectContaining({ name: 'StoreError', code })

/** The first `count` changes of a watch. */
export async function take(store: Store, count: number, from: Parameters<Store['watch']>[0]): Promise<Change[]> {
  const stop = new AbortController()
  const changes: Change[] = []
  if (count === 0) return changes
  for await (const change of store.watch(from, stop.signal)) {
    changes.push(change)
    if (changes.length === count) stop.abort()
  }
  return changes
}
