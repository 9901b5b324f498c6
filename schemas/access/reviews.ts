// authorization.k8s.io/v1 and authentication.k8s.io/v1: questions that are posted and answered at once, and never stored.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import type { KindDef } from '../kind.ts'
import type { DeepReadonly } from '../shapes.ts'

export const AUTHORIZATION_GROUP = 'authorization.k8s.io'
export const AUTHENTICATION_GROUP = 'authentication.k8s.io'

const text = () => Type.Optional(Type.String())
const texts = () => Type.Optional(Type.Array(Type.String(), { maxItems: 256 }))

const ResourceAttributes = Type.Object({
  namespace: text(),
  verb: text(),
  group: text(),
  version: text(),
  resource: text(),
  subresource: text(),
  name: text(),
})
const NonResourceAttributes = Type.Object({ path: text(), verb: text() })
const what = {
  resourceAttributes: Type.Optional(ResourceAttributes),
  nonResourceAttributes: Type.Optional(NonResourceAttributes),
}
const SelfAccess = Type.Object(what)
const SubjectAccess = Type.Object({
  ...what,
  user: text(),
  groups: texts(),
  uid: text(),
  extra: Type.Optional(
    Type.Unsafe<Record<string, readonly string[]>>({
      type: 'object',
      additionalProperties: { type: 'array', items: { type: 'string' } },
    }),
  ),
})
const SelfRules = Type.Object({ namespace: text() })
const Token = Type.Object({ token: Type.String({ minLength: 1, maxLength: 4096 }), audiences: texts() })

export type AccessSpec = DeepReadonly<Type.Static<typeof SubjectAccess>>
export type ResourceAttributesSpec = DeepReadonly<Type.Static<typeof ResourceAttributes>>

export interface Review<S> extends KubeObject {
  readonly spec: S
}

const status = Type.Optional(Type.Unsafe<unknown>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }))

const review = (
  group: string,
  kind: string,
  spec: Type.TSchema | null,
  more: { readonly namespaced?: true; readonly versions?: readonly string[] } = {},
): KindDef => {
  const plural = `${kind.toLowerCase()}s`
  const { versions = ['v1'] } = more
  const schema = Type.Object(spec === null ? { status } : { spec, status })
  const renamed = (object: KubeObject, version: string): KubeObject => ({
    ...object,
    apiVersion: `${group}/${version}`,
  })
  return {
    group,
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: more.namespaced === true,
    resource: `${plural}.${group}`,
    versions: versions.map((name) => ({ name, schema, columns: [] })),
    storageVersion: 'v1',
    hasStatus: true,
    checkName: () => null,
    rules: [],
    ...(versions.length > 1
      ? { convert: { toStorage: (object) => renamed(object, 'v1'), fromStorage: (object, to) => renamed(object, to) } }
      : {}),
  }
}

export const SELF_SUBJECT_ACCESS_REVIEW = review(AUTHORIZATION_GROUP, 'SelfSubjectAccessReview', SelfAccess)
export const SUBJECT_ACCESS_REVIEW = review(AUTHORIZATION_GROUP, 'SubjectAccessReview', SubjectAccess)
export const LOCAL_SUBJECT_ACCESS_REVIEW = review(AUTHORIZATION_GROUP, 'LocalSubjectAccessReview', SubjectAccess, {
  namespaced: true,
})
export const SELF_SUBJECT_RULES_REVIEW = review(AUTHORIZATION_GROUP, 'SelfSubjectRulesReview', SelfRules)
/** kubectl 1.27 asks in v1beta1. */
export const SELF_SUBJECT_REVIEW = review(AUTHENTICATION_GROUP, 'SelfSubjectReview', null, {
  versions: ['v1', 'v1beta1'],
})
export const TOKEN_REVIEW = review(AUTHENTICATION_GROUP, 'TokenReview', Token)
