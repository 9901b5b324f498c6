// What a client knows of a kind, and the paths that follow from it.

/** A resource as discovery tells it. */
export interface ResourceInfo {
  /** Empty for core. */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly singular: string
  readonly kind: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly verbs: readonly string[]
}

export const apiVersionOf = ({ group, version }: Pick<ResourceInfo, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`

/** The root of a group's version: `/api/v1`, `/apis/virtualization.deckhouse.io/v1alpha2`. */
export const groupPath = ({ group, version }: Pick<ResourceInfo, 'group' | 'version'>): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`

export interface PathParts {
  /** Ignored for cluster-scoped resources; all namespaces when absent or empty. */
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  readonly subresource?: string | undefined
}

/** Path of a collection, an object or its subresource. */
export function pathOf(resource: ResourceInfo, { namespace, name, subresource }: PathParts): string {
  const parts = [groupPath(resource)]
  if (resource.namespaced && namespace !== undefined && namespace !== '')
    parts.push('namespaces', encodeURIComponent(namespace))
  parts.push(resource.plural)
  if (name !== undefined) parts.push(encodeURIComponent(name))
  if (subresource !== undefined) parts.push(subresource)
  return parts.join('/')
}

/** `virtualmachines.virtualization.deckhouse.io`, `secrets`. */
export const groupResource = ({ plural, group }: ResourceInfo): string => (group === '' ? plural : `${plural}.${group}`)

/** What `-o name` prints: `virtualmachine.virtualization.deckhouse.io/web`, `secret/web`. */
export function printedName(resource: Pick<ResourceInfo, 'group' | 'kind'>, name: string): string {
  const kind = resource.kind.toLowerCase()
  return `${resource.group === '' ? kind : `${kind}.${resource.group}`}/${name}`
}
