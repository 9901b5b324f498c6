// The shapes of rbac.authorization.k8s.io/v1 (Kubernetes, "Using RBAC Authorization"): rules, references to roles, subjects.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { Choice, type DeepReadonly } from '../shapes.ts'

export const RBAC_GROUP = 'rbac.authorization.k8s.io'

/** Bounds that no honest role meets: the check against escalation multiplies these lists. */
const MAX_RULES = 256
const MAX_WORDS = 256

const Words = (description: string) =>
  Type.Array(Type.String(), { maxItems: MAX_WORDS, description, 'x-kubernetes-list-type': 'atomic' })

export const PolicyRule = Type.Object({
  verbs: Words('get, list, watch, create, update, patch, delete, deletecollection, or * for all.'),
  apiGroups: Type.Optional(Words('API groups; "" is the core group, * all.')),
  resources: Type.Optional(
    Words('Plural names, with subresource where it is one: virtualmachines/console; * for all.'),
  ),
  resourceNames: Type.Optional(Words('Only objects of these names; all when empty.')),
  nonResourceURLs: Type.Optional(Words('Paths that are no resources: /version, /openapi/*.')),
})

export const Rules = Type.Optional(
  Type.Array(PolicyRule, { default: [], maxItems: MAX_RULES, 'x-kubernetes-list-type': 'atomic' }),
)

export const RoleRef = Type.Object({
  apiGroup: Type.Optional(Choice([RBAC_GROUP], { default: RBAC_GROUP })),
  kind: Choice(['Role', 'ClusterRole']),
  name: Type.String({ minLength: 1 }),
})

export const Subject = Type.Object({
  kind: Choice(['User', 'Group', 'ServiceAccount']),
  apiGroup: Type.Optional(Type.String()),
  name: Type.String({ minLength: 1, maxLength: 253 }),
  namespace: Type.Optional(Type.String()),
})

export const Subjects = Type.Optional(
  Type.Array(Subject, { maxItems: 1024, description: 'Who gets the role.', 'x-kubernetes-list-type': 'atomic' }),
)

export type PolicyRule = DeepReadonly<Type.Static<typeof PolicyRule>>
export type RoleRef = DeepReadonly<Type.Static<typeof RoleRef>>
export type Subject = DeepReadonly<Type.Static<typeof Subject>>

export interface Role extends KubeObject {
  readonly rules?: readonly PolicyRule[]
}

export interface ClusterRole extends KubeObject {
  readonly rules?: readonly PolicyRule[]
  readonly aggregationRule?: unknown
}

/** RoleBinding and ClusterRoleBinding. */
export interface Binding extends KubeObject {
  readonly roleRef: RoleRef
  readonly subjects?: readonly Subject[]
}
