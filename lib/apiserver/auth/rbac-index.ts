// Roles and bindings, arranged so that the rules of one user are found without looking at those of others.
//
// INVARIANT: `put` and `remove` are called with each stored object once, in the order of the store's changes.

import { type Binding, type PolicyRule, RBAC_GROUP, type Role, type RoleRef } from '../../../schemas/rbac/shapes.ts'
import type { KubeObject } from '../../object.ts'
import type { User } from './caller.ts'

export const ROLES = `roles.${RBAC_GROUP}`
export const CLUSTER_ROLES = `clusterroles.${RBAC_GROUP}`
export const ROLE_BINDINGS = `rolebindings.${RBAC_GROUP}`
export const CLUSTER_ROLE_BINDINGS = `clusterrolebindings.${RBAC_GROUP}`
export const RBAC_RESOURCES = [ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS]

/** A rule and the binding that gives it. */
export interface Granted {
  readonly rule: PolicyRule
  readonly binding: Binding
}

const NONE: readonly PolicyRule[] = []

export class RbacIndex {
  /** By `namespace/name`; `/name` is a ClusterRole. */
  readonly #rules = new Map<string, readonly PolicyRule[]>()
  /** By subject, then by the binding's namespace (empty for the whole cluster), then by name. */
  readonly #bindings = new Map<string, Map<string, Map<string, Binding>>>()

  put(resource: string, object: KubeObject): void {
    if (resource === ROLES || resource === CLUSTER_ROLES) this.#rules.set(keyOf(object), (object as Role).rules ?? NONE)
    else if (resource === ROLE_BINDINGS || resource === CLUSTER_ROLE_BINDINGS) this.#bind(object as Binding)
  }

  remove(resource: string, object: KubeObject): void {
    if (resource === ROLES || resource === CLUSTER_ROLES) this.#rules.delete(keyOf(object))
    else if (resource === ROLE_BINDINGS || resource === CLUSTER_ROLE_BINDINGS) this.#unbind(object as Binding)
  }

  /** The rules of a role; null when there is no such role. @param namespace of the binding that names it */
  rulesOf({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | null {
    return this.#rules.get(kind === 'ClusterRole' ? `/${name}` : `${namespace}/${name}`) ?? null
  }

  /** What a user may do in `namespace` (empty: only what holds for the whole cluster). */
  *granted({ user, groups }: User, namespace: string): Iterable<Granted> {
    for (const subject of [`u:${user}`, ...groups.map((group) => `g:${group}`)]) {
      const byNamespace = this.#bindings.get(subject)
      if (byNamespace === undefined) continue
      yield* this.#ofBindings(byNamespace.get(''))
      if (namespace !== '') yield* this.#ofBindings(byNamespace.get(namespace))
    }
  }

  *#ofBindings(bindings: ReadonlyMap<string, Binding> | undefined): Iterable<Granted> {
    for (const binding of bindings?.values() ?? [])
      for (const rule of this.rulesOf(binding.roleRef, binding.metadata.namespace ?? '') ?? NONE)
        yield { rule, binding }
  }

  #bind(binding: Binding): void {
    const { name, namespace = '' } = binding.metadata
    for (const subject of subjectsOf(binding)) {
      const byNamespace = this.#bindings.get(subject) ?? new Map<string, Map<string, Binding>>()
      const bindings = byNamespace.get(namespace) ?? new Map<string, Binding>()
      bindings.set(name, binding)
      byNamespace.set(namespace, bindings)
      this.#bindings.set(subject, byNamespace)
    }
  }

  #unbind(binding: Binding): void {
    const { name, namespace = '' } = binding.metadata
    for (const subject of subjectsOf(binding)) {
      const byNamespace = this.#bindings.get(subject)
      const bindings = byNamespace?.get(namespace)
      bindings?.delete(name)
      if (bindings?.size === 0) byNamespace?.delete(namespace)
      if (byNamespace?.size === 0) this.#bindings.delete(subject)
    }
  }
}

const keyOf = ({ metadata: { name, namespace = '' } }: KubeObject): string => `${namespace}/${name}`

/** A service account is the user that Kubernetes names so. */
const subjectsOf = ({ subjects = [], metadata }: Binding): readonly string[] =>
  subjects.map(({ kind, name, namespace = metadata.namespace ?? '' }) => {
    if (kind === 'Group') return `g:${name}`
    return kind === 'User' ? `u:${name}` : `u:system:serviceaccount:${namespace}:${name}`
  })
