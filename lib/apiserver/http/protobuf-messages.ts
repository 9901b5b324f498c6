// The messages that clients send, by field number, as Kubernetes' generated.proto files number them (k8s.io/api, k8s.io/apimachinery).

export interface Message {
  readonly [field: number]: readonly [name: string, type: FieldType]
}

export type FieldType =
  | 'text'
  /** As base64. */
  | 'bytes'
  | 'integer'
  | 'boolean'
  | 'time'
  /** JSON in a message of its own (FieldsV1). */
  | 'json'
  | { readonly map: 'text' | 'bytes' }
  | { readonly list: 'text' | Message }
  | Message

const TEXTS = { list: 'text' } as const
const TEXT_MAP = { map: 'text' } as const

const OWNER: Message = {
  1: ['kind', 'text'],
  3: ['name', 'text'],
  4: ['uid', 'text'],
  5: ['apiVersion', 'text'],
  6: ['controller', 'boolean'],
  7: ['blockOwnerDeletion', 'boolean'],
}

const MANAGED: Message = {
  1: ['manager', 'text'],
  2: ['operation', 'text'],
  3: ['apiVersion', 'text'],
  4: ['time', 'time'],
  6: ['fieldsType', 'text'],
  7: ['fieldsV1', 'json'],
  8: ['subresource', 'text'],
}

const METADATA: Message = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  4: ['selfLink', 'text'],
  5: ['uid', 'text'],
  6: ['resourceVersion', 'text'],
  7: ['generation', 'integer'],
  8: ['creationTimestamp', 'time'],
  9: ['deletionTimestamp', 'time'],
  10: ['deletionGracePeriodSeconds', 'integer'],
  11: ['labels', TEXT_MAP],
  12: ['annotations', TEXT_MAP],
  13: ['ownerReferences', { list: OWNER }],
  14: ['finalizers', TEXTS],
  17: ['managedFields', { list: MANAGED }],
}

const SELECTOR: Message = {
  1: ['matchLabels', TEXT_MAP],
  2: ['matchExpressions', { list: { 1: ['key', 'text'], 2: ['operator', 'text'], 3: ['values', TEXTS] } }],
}

const RULE: Message = {
  1: ['verbs', TEXTS],
  2: ['apiGroups', TEXTS],
  3: ['resources', TEXTS],
  4: ['resourceNames', TEXTS],
  5: ['nonResourceURLs', TEXTS],
}

const BINDING: Message = {
  1: ['metadata', METADATA],
  2: [
    'subjects',
    { list: { 1: ['kind', 'text'], 2: ['apiGroup', 'text'], 3: ['name', 'text'], 4: ['namespace', 'text'] } },
  ],
  3: ['roleRef', { 1: ['apiGroup', 'text'], 2: ['kind', 'text'], 3: ['name', 'text'] }],
}

const RESOURCE_ATTRIBUTES: Message = {
  1: ['namespace', 'text'],
  2: ['verb', 'text'],
  3: ['group', 'text'],
  4: ['version', 'text'],
  5: ['resource', 'text'],
  6: ['subresource', 'text'],
  7: ['name', 'text'],
}

const NON_RESOURCE_ATTRIBUTES: Message = { 1: ['path', 'text'], 2: ['verb', 'text'] }

/** A new review's status is empty; the server fills it in. */
const EMPTY_REVIEW_STATUS: Message = {
  1: ['allowed', 'boolean'],
  2: ['reason', 'text'],
  3: ['evaluationError', 'text'],
  4: ['denied', 'boolean'],
}

const SUBJECT_REVIEW: Message = {
  1: ['metadata', METADATA],
  2: [
    'spec',
    {
      1: ['resourceAttributes', RESOURCE_ATTRIBUTES],
      2: ['nonResourceAttributes', NON_RESOURCE_ATTRIBUTES],
      3: ['user', 'text'],
      4: ['groups', TEXTS],
      6: ['uid', 'text'],
    },
  ],
  3: ['status', EMPTY_REVIEW_STATUS],
}

/** By `apiVersion/kind`. */
export const MESSAGES: Readonly<Record<string, Message>> = {
  'v1/Namespace': {
    1: ['metadata', METADATA],
    2: ['spec', { 1: ['finalizers', TEXTS] }],
    3: ['status', { 1: ['phase', 'text'] }],
  },
  'v1/Secret': {
    1: ['metadata', METADATA],
    2: ['data', { map: 'bytes' }],
    3: ['type', 'text'],
    4: ['stringData', TEXT_MAP],
    5: ['immutable', 'boolean'],
  },
  'v1/ConfigMap': {
    1: ['metadata', METADATA],
    2: ['data', TEXT_MAP],
    3: ['binaryData', { map: 'bytes' }],
    4: ['immutable', 'boolean'],
  },
  'v1/DeleteOptions': {
    1: ['gracePeriodSeconds', 'integer'],
    2: ['preconditions', { 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] }],
    3: ['orphanDependents', 'boolean'],
    4: ['propagationPolicy', 'text'],
    5: ['dryRun', TEXTS],
  },
  'scheduling.k8s.io/v1/PriorityClass': {
    1: ['metadata', METADATA],
    2: ['value', 'integer'],
    3: ['globalDefault', 'boolean'],
    4: ['description', 'text'],
    5: ['preemptionPolicy', 'text'],
  },
  'rbac.authorization.k8s.io/v1/Role': { 1: ['metadata', METADATA], 2: ['rules', { list: RULE }] },
  'rbac.authorization.k8s.io/v1/ClusterRole': {
    1: ['metadata', METADATA],
    2: ['rules', { list: RULE }],
    3: ['aggregationRule', { 1: ['clusterRoleSelectors', { list: SELECTOR }] }],
  },
  'rbac.authorization.k8s.io/v1/RoleBinding': BINDING,
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': BINDING,
  'authorization.k8s.io/v1/SelfSubjectAccessReview': {
    1: ['metadata', METADATA],
    2: [
      'spec',
      { 1: ['resourceAttributes', RESOURCE_ATTRIBUTES], 2: ['nonResourceAttributes', NON_RESOURCE_ATTRIBUTES] },
    ],
    3: ['status', EMPTY_REVIEW_STATUS],
  },
  'authorization.k8s.io/v1/SubjectAccessReview': SUBJECT_REVIEW,
  'authorization.k8s.io/v1/LocalSubjectAccessReview': SUBJECT_REVIEW,
  'authorization.k8s.io/v1/SelfSubjectRulesReview': {
    1: ['metadata', METADATA],
    2: ['spec', { 1: ['namespace', 'text'] }],
    3: ['status', { 3: ['incomplete', 'boolean'], 4: ['evaluationError', 'text'] }],
  },
  'authentication.k8s.io/v1/SelfSubjectReview': {
    1: ['metadata', METADATA],
    2: ['status', { 1: ['userInfo', { 1: ['username', 'text'], 2: ['uid', 'text'], 3: ['groups', TEXTS] }] }],
  },
}
