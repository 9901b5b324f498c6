// Sees to the default roles and bindings: made when absent, brought up to date with the program, left alone where told so.
import type { Binding, ClusterRole } from '../../../schemas/rbac/shapes.ts'
import { RBAC_GROUP } from '../../../schemas/rbac/shapes.ts'
import { isApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { deepEqual } from '../core/json.ts'
import type { NewObject, Resources } from '../resources.ts'
import { DEFAULT_BINDINGS, type DefaultRolesInput, defaultRoles } from './default-roles.ts'
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES } from './rbac-index.ts'

/** Kubernetes' annotation: anything but `true` leaves a default object as it is. */
export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate'
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }

/** Runs at each start. Killed midway, the next start goes on. @throws ApiError when the store refuses */
export async function keepDefaultRoles(resources: Resources, input: DefaultRolesInput): Promise<void> {
  for (const [name, rules] of defaultRoles(input))
    await keep<ClusterRole>(resources, CLUSTER_ROLES, { ...head('ClusterRole', name), rules }, (have) => ({
      ...have,
      rules,
    }))
  for (const [name, group] of DEFAULT_BINDINGS) {
    const subjects = [{ kind: 'Group', apiGroup: RBAC_GROUP, name: group }] as const
    const roleRef = { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name } as const
    const wanted = { ...head('ClusterRoleBinding', name), roleRef, subjects }
    await keep<Binding>(resources, CLUSTER_ROLE_BINDINGS, wanted, (have) => ({
      ...have,
      // What an operator added stays.
      subjects: (have.subjects ?? []).some((one) => deepEqual(one, subjects[0]))
        ? (have.subjects ?? [])
        : [...(have.subjects ?? []), ...subjects],
    }))
  }
}

const head = (kind: string, name: string) => ({
  apiVersion: `${RBAC_GROUP}/v1`,
  kind,
  metadata: { name, labels: LABELS, annotations: { [AUTOUPDATE]: 'true' } },
})

async function keep<T extends KubeObject>(
  resources: Resources,
  resource: string,
  wanted: NewObject<T>,
  change: (have: T) => T,
): Promise<void> {
  const name = { namespace: '', name: wanted.metadata.name ?? '' }
  const updated = await resources.modify<T>(resource, name, (have) =>
    have.metadata.annotations?.[AUTOUPDATE] === 'true' ? change(have) : have,
  )
  if (updated !== null) return
  try {
    await resources.create<T>(resource, wanted)
  } catch (error) {
    // Another server over the same store was faster.
    if (!isApiError(error, 'AlreadyExists')) throw error
  }
}
