// Small kinds for tests of the API server: one with status, rules and two versions, one plain core kind, and namespaces.
import Type from 'typebox'
import type { KubeObject } from '../../../../lib/object.ts'
import type { KindDef } from '../../../../schemas/kind.ts'

export interface Widget extends KubeObject {
  readonly spec: {
    readonly size: number
    readonly color?: string
    readonly parts?: readonly { readonly name: string; readonly order?: number }[]
  }
  readonly status?: {
    readonly phase?: string
    readonly ready?: boolean
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

const widgetSchema = (size: 'size' | 'bigness') =>
  Type.Object({
    spec: Type.Object({
      [size]: Type.Integer({ minimum: 1, maximum: 100 }),
      color: Type.Optional(Type.Union([Type.Literal('red'), Type.Literal('blue')], { default: 'red' })),
      parts: Type.Optional(
        Type.Array(
          Type.Object({ name: Type.String({ minLength: 1 }), order: Type.Optional(Type.Integer({ minimum: 1 })) }),
        ),
      ),
      tags: Type.Optional(Type.Record(Type.String(), Type.String())),
      anything: Type.Optional(Type.Unknown()),
      amount: Type.Optional(Type.Union([Type.Integer(), Type.String()])),
    }),
    status: Type.Optional(
      Type.Object({
        phase: Type.Optional(Type.String()),
        ready: Type.Optional(Type.Boolean()),
        conditions: Type.Optional(Type.Array(Type.Object({ type: Type.String(), status: Type.String() }))),
      }),
    ),
  })

const rename = (object: KubeObject, from: string, to: string, version: string): KubeObject => {
  const { [from]: value, ...rest } = object.spec as Record<string, unknown>
  return { ...object, apiVersion: `test.berth/${version}`, spec: { [to]: value, ...rest } }
}

export const WIDGET: KindDef = {
  group: 'test.berth',
  kind: 'Widget',
  plural: 'widgets',
  singular: 'widget',
  shortNames: ['wi'],
  categories: ['all'],
  namespaced: true,
  resource: 'widgets.test.berth',
  versions: [
    {
      name: 'v1',
      schema: widgetSchema('size'),
      columns: [
        { name: 'Phase', type: 'string', jsonPath: '.status.phase', priority: 0 },
        { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status", priority: 0 },
        { name: 'Size', type: 'integer', jsonPath: '.spec.size', priority: 1 },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', priority: 0 },
      ],
    },
    { name: 'v1beta1', schema: widgetSchema('bigness'), columns: [] },
  ],
  storageVersion: 'v1',
  hasStatus: true,
  checkName: (name) => (name.length > 63 ? 'must have at most 63 characters' : null),
  rules: [
    (object) => {
      const orders = ((object as Widget).spec.parts ?? []).flatMap((part) => part.order ?? [])
      return new Set(orders).size === orders.length
        ? []
        : [{ path: 'spec.parts', reason: 'FieldValueDuplicate', message: 'two parts have the same order' }]
    },
    (object, old) =>
      old !== null && (object as Widget).spec.color !== (old as Widget).spec.color
        ? [{ path: 'spec.color', reason: 'FieldValueForbidden', message: 'cannot be changed' }]
        : [],
  ],
  convert: {
    toStorage: (object) => rename(object, 'bigness', 'size', 'v1'),
    fromStorage: (object, to) => rename(object, 'size', 'bigness', to),
  },
  selectableFields: { 'status.phase': (object) => (object as Widget).status?.phase ?? '' },
}

export const NOTE: KindDef = {
  group: '',
  kind: 'Note',
  plural: 'notes',
  singular: 'note',
  shortNames: [],
  categories: [],
  namespaced: true,
  resource: 'notes',
  versions: [
    {
      name: 'v1',
      schema: Type.Object({ data: Type.Optional(Type.Record(Type.String(), Type.String())) }),
      columns: [],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: () => null,
  rules: [],
}

export const SPACE: KindDef = {
  ...NOTE,
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  namespaced: false,
  resource: 'namespaces',
  hasStatus: true,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({ status: Type.Optional(Type.Object({ phase: Type.Optional(Type.String()) })) }),
      columns: [],
    },
  ],
}
