// The shape of `metadata` on the wire (Kubernetes API conventions, ObjectMeta v1), the same for every kind.
import type { JsonObject } from './json.ts'

const text = (description: string): JsonObject => ({ type: 'string', description })
const texts = (description: string): JsonObject => ({
  type: 'object',
  additionalProperties: { type: 'string' },
  description,
})

export const METADATA_SCHEMA: JsonObject = {
  type: 'object',
  description: 'Standard metadata of an object.',
  properties: {
    name: text('Unique within its namespace; cannot be changed.'),
    generateName: text('Prefix of a name that the server makes up when name is empty.'),
    namespace: text('Where the object lives; empty for cluster-scoped kinds.'),
    uid: text('Identity of this object in time and space. Set by the server.'),
    resourceVersion: text('Opaque version for optimistic concurrency and watches. Set by the server.'),
    generation: { type: 'integer', description: 'Grows at each change of what was asked for. Set by the server.' },
    creationTimestamp: text('RFC 3339. Set by the server.'),
    deletionTimestamp: text('RFC 3339; set when deletion was asked for. Set by the server.'),
    deletionGracePeriodSeconds: { type: 'integer', description: 'Set by the server.' },
    selfLink: text('Legacy; never set.'),
    labels: texts('Short identifying texts, usable in selectors.'),
    annotations: texts('Any other texts.'),
    finalizers: {
      type: 'array',
      items: { type: 'string' },
      description: 'Who must act before the object may go away.',
      'x-kubernetes-list-type': 'set',
    },
    ownerReferences: {
      type: 'array',
      description: 'Objects whose deletion deletes this one.',
      items: {
        type: 'object',
        properties: {
          apiVersion: text('API version of the owner.'),
          kind: text('Kind of the owner.'),
          name: text('Name of the owner.'),
          uid: text('UID of the owner.'),
          controller: { type: 'boolean', description: 'The owner that manages this object.' },
          blockOwnerDeletion: {
            type: 'boolean',
            description: 'Foreground deletion of the owner waits for this object.',
          },
        },
        required: ['apiVersion', 'kind', 'name', 'uid'],
        'x-kubernetes-map-type': 'atomic',
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
    },
    managedFields: { type: 'array', items: { type: 'object' }, description: 'Field ownership. Set by the server.' },
  },
}
