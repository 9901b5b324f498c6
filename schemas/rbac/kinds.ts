// rbac.authorization.k8s.io/v1: Role, ClusterRole, RoleBinding, ClusterRoleBinding, as Kubernetes serves them.
import Type from 'typebox'
import { AGE, column, wideColumn } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import {
  aggregationIsNotBuilt,
  clusterBindingNamesClusterRole,
  pathName,
  roleRefIsImmutable,
  rulesAreWhole,
  subjectsAreWhole,
  withSubjectDefaults,
} from './rules.ts'
import { RBAC_GROUP, RoleRef, Rules, Subjects } from './shapes.ts'

type Own = Pick<KindDef, 'kind' | 'plural' | 'singular' | 'namespaced' | 'rules'> & {
  readonly schema: Type.TSchema
  readonly columns: KindDef['versions'][number]['columns']
}

const rbacKind = ({ schema, columns, ...own }: Own): KindDef => ({
  group: RBAC_GROUP,
  shortNames: [],
  categories: [],
  resource: `${own.plural}.${RBAC_GROUP}`,
  versions: [{ name: 'v1', schema, columns }],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: pathName,
  pathNames: true,
  ...own,
})

export const ROLE: KindDef = rbacKind({
  kind: 'Role',
  plural: 'roles',
  singular: 'role',
  namespaced: true,
  schema: Type.Object({ rules: Rules }),
  columns: [AGE],
  rules: [rulesAreWhole(true)],
})

export const CLUSTER_ROLE: KindDef = rbacKind({
  kind: 'ClusterRole',
  plural: 'clusterroles',
  singular: 'clusterrole',
  namespaced: false,
  schema: Type.Object({
    rules: Rules,
    aggregationRule: Type.Optional(
      Type.Unsafe<unknown>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
    ),
  }),
  columns: [AGE],
  rules: [rulesAreWhole(false), aggregationIsNotBuilt],
})

const binding = Type.Object({ subjects: Subjects, roleRef: RoleRef })
const bindingColumns = [
  column('Role', '.roleRef.name'),
  AGE,
  wideColumn('Users', '.subjects[?(@.kind=="User")].name'),
  wideColumn('Groups', '.subjects[?(@.kind=="Group")].name'),
]

export const ROLE_BINDING: KindDef = {
  ...rbacKind({
    kind: 'RoleBinding',
    plural: 'rolebindings',
    singular: 'rolebinding',
    namespaced: true,
    schema: binding,
    columns: bindingColumns,
    rules: [roleRefIsImmutable, subjectsAreWhole(true)],
  }),
  applyDefaults: withSubjectDefaults,
}

export const CLUSTER_ROLE_BINDING: KindDef = {
  ...rbacKind({
    kind: 'ClusterRoleBinding',
    plural: 'clusterrolebindings',
    singular: 'clusterrolebinding',
    namespaced: false,
    schema: binding,
    columns: bindingColumns,
    rules: [roleRefIsImmutable, clusterBindingNamesClusterRole, subjectsAreWhole(false)],
  }),
  applyDefaults: withSubjectDefaults,
}
