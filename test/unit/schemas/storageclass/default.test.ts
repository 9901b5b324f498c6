import { expect, it } from 'vitest'
import { defaultStorageClass, type StorageClass } from '../../../../schemas/index.ts'

const named = (name: string, created: string, mark?: string): StorageClass =>
  ({
    metadata: {
      name,
      creationTimestamp: created,
      annotations: mark === undefined ? {} : { 'storageclass.kubernetes.io/is-default-class': mark },
    },
  }) as unknown as StorageClass

const CLASSES = [
  named('a', '2026-01-01T00:00:00Z', 'true'),
  named('b', '2026-01-02T00:00:00Z', 'true'),
  named('c', '2026-01-03T00:00:00Z', 'false'),
  named('d', '2026-01-04T00:00:00Z'),
]

it('is the newest of several that are marked', () => {
  expect(defaultStorageClass(CLASSES)?.metadata.name).toBe('b')
})

it('is none when none is marked with true', () => {
  expect(defaultStorageClass(CLASSES.slice(2))).toBeNull()
})
