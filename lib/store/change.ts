// Reading a change without caring whether it wrote or deleted.
import type { Change, Revision, StoreKey } from './store.ts'

export const revisionOf = (change: Change): Revision =>
  change.type === 'put' ? change.entry.revision : change.revision

export const keyOf = (change: Change): StoreKey => (change.type === 'put' ? change.entry.key : change.key)
