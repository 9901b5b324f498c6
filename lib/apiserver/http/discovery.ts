// Discovery: which groups, versions and resources this server has (metav1 lists and the aggregated apidiscovery form).
import type { Subresource } from '../connect.ts'
import type { JsonObject } from '../core/json.ts'
import { apiVersionOf, type Registry, type ServedKind } from '../registry.ts'
import { noSuchPath } from './path.ts'
import { PODS } from './pods.ts'

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
/** Of kinds that are asked, not stored. */
const VIRTUAL_VERBS = ['create']
const STATUS_VERBS = ['get', 'patch', 'update']

/** Answers from a fixed set of kinds and subresources. */
export class Discovery {
  readonly #registry: Registry
  readonly #parts: readonly Subresource[]
  readonly #virtual: Registry

  /** @param virtual kinds that are asked, not stored */
  constructor(registry: Registry, parts: readonly Subresource[], virtual: Registry) {
    this.#registry = registry
    this.#virtual = virtual
    this.#parts = parts
  }

  /** `/api` */
  coreVersions(): JsonObject {
    return { kind: 'APIVersions', versions: this.#registry.versions(''), serverAddressByClientCIDRs: [] }
  }

  /** `/apis` */
  groups(): JsonObject {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: this.#groupNames().map((name) => this.#groupBody(name)) }
  }

  /** `/apis/GROUP` @throws ApiError NotFound */
  group(name: string): JsonObject {
    if (!this.#groupNames().includes(name)) throw noSuchPath()
    return { kind: 'APIGroup', apiVersion: 'v1', ...this.#groupBody(name) }
  }

  /** `/api/v1`, `/apis/GROUP/VERSION` @throws ApiError NotFound */
  resources(group: string, version: string): JsonObject {
    if (!this.#versions(group).includes(version)) throw noSuchPath()
    const served = this.#registry.served(group, version).flatMap(({ kind }) => {
      const main = {
        name: kind.plural,
        singularName: kind.singular,
        namespaced: kind.namespaced,
        kind: kind.kind,
        verbs: VERBS,
        ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
        ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
      }
      const status = { name: `${kind.plural}/status`, singularName: '', namespaced: kind.namespaced, kind: kind.kind }
      return kind.hasStatus ? [main, { ...status, verbs: STATUS_VERBS }] : [main]
    })
    const asked = this.#virtual.served(group, version).map(({ kind }) => ({
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: VIRTUAL_VERBS,
    }))
    const streams = this.#streams(group, version).map(({ plural, name, kind, scope }) => ({
      name: `${plural}/${name}`,
      singularName: '',
      namespaced: scope !== 'Cluster',
      kind,
      verbs: ['get'],
    }))
    return {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: apiVersionOf(group, version),
      resources: [...served, ...asked, ...(group === '' ? [podsListed()] : []), ...streams],
    }
  }

  /** `/api` or `/apis` as one document. @param form version of the document asked for, `v2` or `v2beta1` */
  aggregated(form: string, core: boolean): JsonObject {
    const groups = core ? [''] : this.#groupNames()
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${form}`,
      metadata: {},
      items: groups
        .filter((group) => this.#versions(group).length > 0)
        .map((group) => ({
          metadata: group === '' ? {} : { name: group },
          versions: this.#versions(group).map((version) => ({
            version,
            freshness: 'Current',
            resources: [
              ...this.#registry.served(group, version).map((served) => aggregatedResource(served, version)),
              ...this.#virtual.served(group, version).map((served) => aggregatedQuestion(served, version)),
              ...(group === '' ? [podsAggregated()] : []),
              ...aggregatedStreams(this.#streams(group, version)),
            ],
          })),
        })),
    }
  }

  #streams(group: string, version: string): readonly Subresource[] {
    return this.#parts.filter((stream) => stream.group === group && stream.version === version)
  }

  #groupNames(): readonly string[] {
    const streams = this.#parts.map((stream) => stream.group)
    return [...new Set([...this.#registry.groups(), ...this.#virtual.groups(), ...streams])]
  }

  #versions(group: string): readonly string[] {
    const streams = this.#parts.filter((stream) => stream.group === group).map((stream) => stream.version)
    return [...new Set([...this.#registry.versions(group), ...this.#virtual.versions(group), ...streams])]
  }

  #groupBody(name: string): JsonObject {
    const versions = this.#versions(name).map((version) => ({ groupVersion: apiVersionOf(name, version), version }))
    return { name, versions, preferredVersion: versions[0] }
  }
}

const podsListed = (): JsonObject => ({
  name: PODS.plural,
  singularName: PODS.singular,
  namespaced: true,
  kind: PODS.kind,
  verbs: [],
  shortNames: PODS.shortNames,
})

const podsAggregated = (): JsonObject => ({
  resource: PODS.plural,
  responseKind: { group: '', version: 'v1', kind: PODS.kind },
  scope: 'Namespaced',
  singularResource: PODS.singular,
  verbs: [],
  shortNames: PODS.shortNames,
})

function aggregatedResource({ kind }: ServedKind, version: string): JsonObject {
  const responseKind = { group: kind.group, version, kind: kind.kind }
  return {
    resource: kind.plural,
    responseKind,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: VERBS,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(kind.hasStatus ? { subresources: [{ subresource: 'status', responseKind, verbs: STATUS_VERBS }] } : {}),
  }
}

const aggregatedQuestion = ({ kind }: ServedKind, version: string): JsonObject => ({
  resource: kind.plural,
  responseKind: { group: kind.group, version, kind: kind.kind },
  scope: kind.namespaced ? 'Namespaced' : 'Cluster',
  singularResource: kind.singular,
  verbs: VIRTUAL_VERBS,
})

/** A resource without a kind of its own carries its subresources, as Kubernetes shows such groups. */
function aggregatedStreams(streams: readonly Subresource[]): readonly JsonObject[] {
  return [...new Set(streams.map((stream) => stream.plural))].map((plural) => ({
    resource: plural,
    scope: streams.find((stream) => stream.plural === plural)?.scope ?? 'Namespaced',
    singularResource: '',
    verbs: [],
    subresources: streams
      .filter((stream) => stream.plural === plural)
      .map(({ name, kind, group, version }) => ({
        subresource: name,
        responseKind: { group, version, kind },
        verbs: ['get'],
      })),
  }))
}
