// What a kind is to the API server: names, versions with schemas, defaults, rules, columns. Data and pure functions only.
import type { TSchema } from 'typebox'
import type { FieldError } from '../lib/errors.ts'
import type { KubeObject } from '../lib/object.ts'

/** A column of `kubectl get` (CRD `additionalPrinterColumns`). */
export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  /** Kubernetes JSONPath subset as DVP's CRDs use it: `.status.phase`, `.status.conditions[?(@.type=='Ready')].status`. */
  readonly jsonPath: string
  /** Words that no path can give; they are shown in the place of what `jsonPath` finds. Pure. */
  readonly words?: (object: KubeObject) => string
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: 0 | 1
}

/** One version of a kind. The schema describes everything but `apiVersion`, `kind` and `metadata`; unknown fields are errors under strict validation. */
export interface VersionDef {
  readonly name: string
  readonly schema: TSchema
  readonly columns: readonly PrinterColumn[]
}

/** A rule across fields or about a change. `old` is null at creation. Returns what is wrong, empty when nothing. */
export type Rule = (object: KubeObject, old: KubeObject | null) => readonly FieldError[]

export interface KindDef {
  /** Empty for core. */
  readonly group: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  /** GroupResource text, the `resource` of the store: `virtualdisks.virtualization.deckhouse.io`, `secrets`. */
  readonly resource: string
  /** Preferred version first. */
  readonly versions: readonly VersionDef[]
  readonly storageVersion: string
  /** With the status subresource: status is written only through it, and generation counts changes outside metadata and status. */
  readonly hasStatus: boolean
  /** What is wrong with a name, or null. DVP's limits (63 for a VM, no dot in a disk's name) live here. */
  readonly checkName: (name: string) => string | null
  /** True when a name may be any path segment of a URL (`system:basic-user`), not only a DNS subdomain; `checkName` alone decides. */
  readonly pathNames?: true
  /** Rules on the storage version, run after the schema and its defaults. */
  readonly rules: readonly Rule[]
  /** Moves fields that are a way to write and never kept (a Secret's `stringData`) into those that are; takes incomplete objects. */
  readonly foldWritten?: (object: KubeObject) => KubeObject
  /** Defaults that a schema cannot express; returns the object to go on with. */
  readonly applyDefaults?: (object: KubeObject) => KubeObject
  /** Pure conversions between served and storage versions; absent when there is one version. */
  readonly convert?: {
    readonly toStorage: (object: KubeObject, from: string) => KubeObject
    readonly fromStorage: (object: KubeObject, to: string) => KubeObject
  }
  /** Field selectors beyond `metadata.name` and `metadata.namespace`: path -> value. */
  readonly selectableFields?: Readonly<Record<string, (object: KubeObject) => string>>
  /** True when values under these top-level fields are secret: encrypted in the store, never logged. */
  readonly secretFields?: readonly string[]
}
