// Objects in full: JSON, YAML, names.
import { stringify } from 'yaml'
import type { KubeObject } from '../../lib/object.ts'

export const toJson = (value: unknown): string => JSON.stringify(value, null, 2)

/** Without line folding and aliases; the text reads back as the same object. */
export const toYaml = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()

/** What `get` of several objects prints: a `List`, which `apply` reads. */
export const asList = (items: readonly KubeObject[]) => ({
  apiVersion: 'v1',
  kind: 'List',
  metadata: { resourceVersion: '' },
  items,
})
