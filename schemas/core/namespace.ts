// core/v1 Namespace.
import Type from 'typebox'
import type { FieldError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { AGE, column } from '../columns.ts'
import { notBuilt, ruleOf, when } from '../errors.ts'
import type { KindDef } from '../kind.ts'
import { dnsLabel } from '../names.ts'
import { BY_TYPE, Choice, Conditions, type DeepReadonly } from '../shapes.ts'

/** The label that every namespace has, so that selectors of namespaces can name one. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name'

const Spec = Type.Object({ finalizers: Type.Optional(Type.Array(Type.String())) })

const Status = Type.Object(
  { phase: Type.Optional(Choice(['Active', 'Terminating'])), conditions: Type.Optional(Conditions(BY_TYPE)) },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

export interface Namespace extends KubeObject {
  readonly spec?: DeepReadonly<Type.Static<typeof Spec>>
  readonly status?: DeepReadonly<Type.Static<typeof Status>>
}

/** The namespace with the label of its own name. */
function withNameLabel(object: KubeObject): KubeObject {
  const { name, labels } = object.metadata
  if (!name || labels?.[NAMESPACE_NAME_LABEL] === name) return object
  return { ...object, metadata: { ...object.metadata, labels: { ...labels, [NAMESPACE_NAME_LABEL]: name } } }
}

/** Kubernetes writes the finalizer `kubernetes` into every namespace; nobody acts on others. */
export const finalizersAreKnown = ({ spec }: Namespace): readonly FieldError[] =>
  (spec?.finalizers ?? []).flatMap((finalizer, index) =>
    when(finalizer !== 'kubernetes', () =>
      notBuilt(`spec.finalizers[${index}]`, `the namespace finalizer "${finalizer}"`),
    ),
  )

export const NAMESPACE: KindDef = {
  group: '',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  categories: [],
  namespaced: false,
  resource: 'namespaces',
  versions: [
    {
      name: 'v1',
      schema: Type.Object({ spec: Type.Optional(Spec), status: Type.Optional(Status) }),
      columns: [column('Status', '.status.phase'), AGE],
    },
  ],
  storageVersion: 'v1',
  hasStatus: true,
  checkName: dnsLabel,
  rules: [ruleOf(finalizersAreKnown)],
  applyDefaults: withNameLabel,
}
