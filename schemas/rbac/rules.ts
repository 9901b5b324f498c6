// What is wrong with roles and bindings beyond their schema (Kubernetes' validation of rbac/v1).
import { isDeepStrictEqual } from 'node:util'
import type { FieldError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { forbidden, invalid, notBuilt, notSupported, required, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import type { Binding, ClusterRole, PolicyRule, Role, Subject } from './shapes.ts'
import { RBAC_GROUP } from './shapes.ts'

/** RBAC names are path segments of a URL: `system:basic-user`, `d8:use:role:viewer`. */
export const pathName = (name: string): string | null => {
  if (name.length === 0) return 'a name is required'
  if (name.length > 253) return `must be no longer than 253 characters, has ${name.length}`
  if (!/^[A-Za-z0-9._~:@-]+$/.test(name) || name === '.' || name === '..')
    return 'must consist of letters, digits and "-", ".", "_", "~", ":", "@"'
  return null
}

export const rulesAreWhole =
  (namespaced: boolean): Rule =>
  (object) =>
    ((object as Role).rules ?? []).flatMap((rule, index) => ruleErrors(rule, `rules[${index}]`, namespaced))

function ruleErrors(rule: PolicyRule, path: string, namespaced: boolean): readonly FieldError[] {
  const urls = rule.nonResourceURLs ?? []
  const names = [...(rule.apiGroups ?? []), ...(rule.resources ?? []), ...(rule.resourceNames ?? [])]
  const verbs = when(rule.verbs.length === 0, () => required(`${path}.verbs`, 'at least one verb is needed'))
  if (urls.length > 0)
    return [
      ...verbs,
      ...when(namespaced, () =>
        invalid(`${path}.nonResourceURLs`, 'a Role is about a namespace; paths belong into a ClusterRole'),
      ),
      ...when(names.length > 0, () =>
        invalid(`${path}.nonResourceURLs`, 'a rule is about paths or about resources, not both'),
      ),
      ...urls.flatMap((url, at) =>
        when(!isUrlPattern(url), () =>
          invalid(`${path}.nonResourceURLs[${at}]`, 'must begin with "/"; "*" may only stand at the end'),
        ),
      ),
    ]
  return [
    ...verbs,
    ...when((rule.apiGroups ?? []).length === 0, () =>
      required(`${path}.apiGroups`, 'at least one API group is needed ("" is the core group)'),
    ),
    ...when((rule.resources ?? []).length === 0, () =>
      required(`${path}.resources`, 'at least one resource is needed'),
    ),
  ]
}

const isUrlPattern = (url: string): boolean => url === '*' || (url.startsWith('/') && !url.slice(0, -1).includes('*'))

export const aggregationIsNotBuilt: Rule = (object) =>
  when((object as ClusterRole).aggregationRule !== undefined, () =>
    notBuilt('aggregationRule', 'the aggregation of roles'),
  )

export const roleRefIsImmutable: Rule = (object, old) =>
  when(old !== null && !isDeepStrictEqual((object as Binding).roleRef, (old as Binding).roleRef), () =>
    forbidden('roleRef', 'cannot be changed: delete the binding and create another'),
  )

export const clusterBindingNamesClusterRole: Rule = (object) =>
  when((object as Binding).roleRef.kind !== 'ClusterRole', () =>
    notSupported('roleRef.kind', 'a ClusterRoleBinding can only name a ClusterRole'),
  )

export const subjectsAreWhole =
  (namespaced: boolean): Rule =>
  (object) =>
    ((object as Binding).subjects ?? []).flatMap((subject, index) =>
      subjectErrors(subject, `subjects[${index}]`, namespaced),
    )

function subjectErrors({ kind, apiGroup = '', namespace = '' }: Subject, path: string, namespaced: boolean) {
  if (kind === 'ServiceAccount')
    return [
      ...when(apiGroup !== '', () => notSupported(`${path}.apiGroup`, 'must be empty for a ServiceAccount')),
      ...when(namespace === '' && !namespaced, () => required(`${path}.namespace`, 'a ServiceAccount has a namespace')),
    ]
  return [
    ...when(apiGroup !== RBAC_GROUP, () => notSupported(`${path}.apiGroup`, `must be ${RBAC_GROUP}`)),
    ...when(namespace !== '', () => forbidden(`${path}.namespace`, `a ${kind} has no namespace`)),
  ]
}

/** What a client may leave out of subjects and of the role's reference. */
export function withSubjectDefaults(object: KubeObject): KubeObject {
  const { subjects } = object as Binding
  if (subjects === undefined) return object
  const filled = subjects.map((subject) =>
    subject.kind === 'ServiceAccount'
      ? {
          ...subject,
          ...(subject.namespace === undefined && object.metadata.namespace !== undefined
            ? { namespace: object.metadata.namespace }
            : {}),
        }
      : { ...subject, apiGroup: subject.apiGroup || RBAC_GROUP },
  )
  return { ...object, subjects: filled } as KubeObject
}
