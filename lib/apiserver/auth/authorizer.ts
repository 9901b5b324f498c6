// The one place that says yes or no: `system:masters` always may, everybody else what the roles bound to them allow.
import type { PolicyRule } from '../../../schemas/rbac/shapes.ts'
import { ApiError } from '../../errors.ts'
import type { Attributes } from './attributes.ts'
import { MASTERS, type User } from './caller.ts'
import type { Granted, RbacIndex } from './rbac-index.ts'
import { allows } from './rules.ts'

export interface Decision {
  readonly allowed: boolean
  /** Which binding allowed it; empty when nothing did. */
  readonly reason: string
}

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

export class Authorizer {
  readonly #index: RbacIndex

  constructor(index: RbacIndex) {
    this.#index = index
  }

  decide(user: User, attributes: Attributes): Decision {
    if (user.groups.includes(MASTERS)) return { allowed: true, reason: `member of ${MASTERS}` }
    for (const granted of this.#index.granted(user, attributes.resource?.namespace ?? ''))
      if (allows(granted.rule, attributes)) return { allowed: true, reason: reasonOf(granted) }
    return { allowed: false, reason: '' }
  }

  /** @throws ApiError Forbidden, in Kubernetes' words */
  require(user: User, attributes: Attributes): void {
    if (!this.decide(user, attributes).allowed) throw forbidden(user, attributes)
  }

  /** Every rule that the user holds in a namespace. */
  rulesOf(user: User, namespace: string): readonly PolicyRule[] {
    const rules = [...this.#index.granted(user, namespace)].map(({ rule }) => rule)
    return user.groups.includes(MASTERS) ? [...EVERYTHING, ...rules] : rules
  }
}

function reasonOf({ binding: { metadata, roleRef } }: Granted): string {
  const { name, namespace } = metadata
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding'
  const where = namespace === undefined ? name : `${name}/${namespace}`
  return `RBAC: allowed by ${kind} "${where}" of ${roleRef.kind} "${roleRef.name}"`
}

/** The refusal that Kubernetes gives; it says nothing of whether the object exists. */
export function forbidden({ user }: User, { verb, resource, path }: Attributes): ApiError {
  if (resource === null) return new ApiError('Forbidden', `forbidden: User "${user}" cannot ${verb} path "${path}"`)
  const { group, namespace, name, subresource } = resource
  const what = subresource === '' ? resource.resource : `${resource.resource}/${subresource}`
  const groupResource = group === '' ? resource.resource : `${resource.resource}.${group}`
  const object = name === '' ? groupResource : `${groupResource} "${name}"`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  return new ApiError(
    'Forbidden',
    `${object} is forbidden: User "${user}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`,
    { group, kind: resource.resource, ...(name === '' ? {} : { name }) },
  )
}
