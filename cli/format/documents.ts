// Objects in full: JSON, YAML, names.
import { stringify } from 'yaml'
import type { KubeObject } from '../../lib/object.ts'

export const toJson = (value: unknown): string => JSON.stringify(value, null, 2)

/** Without line folding and aliases; the text reads back as the same object. */
export const toYaml = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()

/** As `kubectl` shows objects: without the record of field owners, which is for programs. */
export function forReading<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** What `get` of several objects prints: a `List`, which `apply` reads. */
export const asList = (items: readonly KubeObject[]) => ({
  apiVersion: 'v1',
  kind: 'List',
  metadata: { resourceVersion: '' },
  items,
})
