// "May I?", "What may I?", "Who am I?": the review kinds of authorization.k8s.io and authentication.k8s.io.
import {
  type AccessSpec,
  LOCAL_SUBJECT_ACCESS_REVIEW,
  type ResourceAttributesSpec,
  type Review,
  SELF_SUBJECT_ACCESS_REVIEW,
  SELF_SUBJECT_REVIEW,
  SELF_SUBJECT_RULES_REVIEW,
  SUBJECT_ACCESS_REVIEW,
  TOKEN_REVIEW,
} from '../../../schemas/access/reviews.ts'
import { ApiError, isApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { invalid } from '../core/refusals.ts'
import type { VirtualKind } from '../virtual.ts'
import type { Attributes } from './attributes.ts'
import type { Authorizer } from './authorizer.ts'
import { type Caller, type User, withAuthenticated } from './caller.ts'
import type { TokenIndex } from './tokens.ts'

export interface ReviewDeps {
  readonly authorizer: Authorizer
  readonly tokens: TokenIndex
}

export function reviewKinds({ authorizer, tokens }: ReviewDeps): readonly VirtualKind[] {
  const access = (user: User, spec: AccessSpec) => {
    const { allowed, reason } = authorizer.decide(user, attributesIn(spec))
    return { spec, status: { allowed, ...(reason === '' ? {} : { reason }) } }
  }
  return [
    {
      kind: SELF_SUBJECT_ACCESS_REVIEW,
      answer: ({ object, caller }) => access(caller, specOf<AccessSpec>(object)),
    },
    {
      kind: SUBJECT_ACCESS_REVIEW,
      answer: ({ object }) => {
        const spec = specOf<AccessSpec>(object)
        return access(subjectIn(spec), spec)
      },
    },
    {
      kind: LOCAL_SUBJECT_ACCESS_REVIEW,
      answer: ({ object, namespace }) => {
        const spec = specOf<AccessSpec>(object)
        if (spec.resourceAttributes?.namespace !== namespace)
          throw invalid(LOCAL_SUBJECT_ACCESS_REVIEW, '', [
            {
              path: 'spec.resourceAttributes.namespace',
              reason: 'FieldValueInvalid',
              message: `must be the namespace of the request, ${namespace}`,
            },
          ])
        return access(subjectIn(spec), spec)
      },
    },
    {
      kind: SELF_SUBJECT_RULES_REVIEW,
      answer: ({ object, caller }) => {
        const spec = specOf<{ readonly namespace?: string }>(object)
        if (!spec.namespace)
          throw invalid(SELF_SUBJECT_RULES_REVIEW, '', [
            { path: 'spec.namespace', reason: 'FieldValueRequired', message: 'a namespace is needed' },
          ])
        return { spec: {}, status: rulesStatus(authorizer, caller, spec.namespace) }
      },
    },
    { kind: SELF_SUBJECT_REVIEW, answer: ({ caller }) => ({ status: { userInfo: userInfo(caller) } }) },
    {
      kind: TOKEN_REVIEW,
      // The token is not sent back.
      answer: ({ object, caller }) => ({
        spec: {},
        status: tokenStatus(tokens, specOf<{ readonly token: string }>(object).token, caller.client),
      }),
    },
  ]
}

const specOf = <S>(object: KubeObject): S => (object as Review<S>).spec ?? ({} as S)

const subjectIn = ({ user = '', groups = [] }: AccessSpec): User => {
  if (user === '' && groups.length === 0) throw new ApiError('Invalid', 'spec needs a user or groups')
  return { user, groups }
}

/** Exactly one of the two forms. @throws ApiError Invalid */
function attributesIn({ resourceAttributes, nonResourceAttributes }: AccessSpec): Attributes {
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined))
    throw new ApiError('Invalid', 'spec needs either resourceAttributes or nonResourceAttributes')
  if (resourceAttributes !== undefined) return resourceIn(resourceAttributes)
  const { verb = '', path = '' } = nonResourceAttributes ?? {}
  return { verb, resource: null, path }
}

function resourceIn(given: ResourceAttributesSpec): Attributes {
  const { verb = '', group = '', version = '', resource = '', subresource = '', namespace = '', name = '' } = given
  return { verb, resource: { group, version, resource, subresource, namespace, name }, path: '' }
}

function rulesStatus(authorizer: Authorizer, caller: Caller, namespace: string) {
  const rules = authorizer.rulesOf(caller, namespace)
  return {
    resourceRules: rules
      .filter(({ resources = [] }) => resources.length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames = [] }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames.length === 0 ? {} : { resourceNames }),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  }
}

const userInfo = ({ user, uid, groups, via, credential }: Caller) => ({
  username: user,
  ...(uid === '' ? {} : { uid }),
  groups: withAuthenticated(groups),
  extra: {
    'berth/came-by': [via],
    ...(credential === '' ? {} : { 'berth/credential': [credential] }),
  },
})

function tokenStatus(tokens: TokenIndex, token: string, client: string) {
  try {
    return { authenticated: true, user: userInfo(tokens.callerOf(token, client)) }
  } catch (error) {
    if (!isApiError(error, 'Unauthorized')) throw error
    return { authenticated: false, error: error.message }
  }
}
