// The kinds that this server serves, looked up by URL parts or by GroupResource text. Nothing else exists for a client.
import type { KindDef, VersionDef } from '../../schemas/kind.ts'

/** A kind in one of its served versions. */
export interface ServedKind {
  readonly kind: KindDef
  readonly version: VersionDef
}

/** `group/version`, or the bare version for the core group: the `apiVersion` of objects. */
export const apiVersionOf = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`)

/** Immutable set of kinds, built once at start. */
export class Registry {
  readonly kinds: readonly KindDef[]
  readonly #byResource = new Map<string, KindDef>()
  /** By group, version and plural: a look-up is part of every request, and makes no text. */
  readonly #served = new Map<string, Map<string, Map<string, ServedKind>>>()

  /** @throws Error when two kinds claim one name, or a storage version is not served: a fault of the program. */
  constructor(kinds: readonly KindDef[]) {
    this.kinds = kinds
    for (const kind of kinds) {
      if (this.#byResource.has(kind.resource)) throw new Error(`two kinds are named ${kind.resource}`)
      if (!kind.versions.some((version) => version.name === kind.storageVersion))
        throw new Error(`${kind.resource} does not serve its storage version ${kind.storageVersion}`)
      if (kind.versions.length > 1 && kind.convert === undefined)
        throw new Error(`${kind.resource} has several versions and no conversion`)
      this.#byResource.set(kind.resource, kind)
      for (const version of kind.versions) this.#add(kind, version)
    }
  }

  byResource(resource: string): KindDef | undefined {
    return this.#byResource.get(resource)
  }

  /** The kind behind a URL, undefined when it is not served in that version. */
  lookup(group: string, version: string, plural: string): ServedKind | undefined {
    return this.#served.get(group)?.get(version)?.get(plural)
  }

  #add(kind: KindDef, version: VersionDef): void {
    const versions = this.#served.get(kind.group) ?? new Map<string, Map<string, ServedKind>>()
    const plurals = versions.get(version.name) ?? new Map<string, ServedKind>()
    this.#served.set(kind.group, versions.set(version.name, plurals.set(kind.plural, { kind, version })))
  }

  /** Named groups in order of registration; the core group is not among them. */
  groups(): readonly string[] {
    return [...new Set(this.kinds.map((kind) => kind.group))].filter((group) => group !== '')
  }

  /** Versions of a group, preferred first, each once. */
  versions(group: string): readonly string[] {
    const ofGroup = this.kinds.filter((kind) => kind.group === group)
    const names = ofGroup.flatMap((kind) => kind.versions.map((version) => version.name))
    return [...new Set(names)].sort((a, b) => rank(ofGroup, b) - rank(ofGroup, a))
  }

  served(group: string, version: string): readonly ServedKind[] {
    return this.kinds.flatMap((kind) => {
      const served = kind.group === group ? this.lookup(group, version, kind.plural) : undefined
      return served === undefined ? [] : [served]
    })
  }
}

/** How many kinds prefer this version: the group's preferred version is the one that most of its kinds prefer. */
const rank = (kinds: readonly KindDef[], version: string): number =>
  kinds.filter((kind) => kind.versions[0]?.name === version).length
