// core/v1 Node: a host. Its agent writes the status; people write labels, taints and `unschedulable`.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { AGE, column, conditionStatus, wideColumn } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { BY_TYPE, Choice, type DeepReadonly, NullableTime, QUANTITY_PATTERN, Time } from '../shapes.ts'
import { NODE_RULES } from './node-rules.ts'

const text = () => Type.Optional(Type.String())

const Taint = Type.Object({
  key: Type.String({ minLength: 1 }),
  value: text(),
  effect: Choice(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
  timeAdded: Type.Optional(NullableTime()),
})

const Spec = Type.Object({
  unschedulable: Type.Optional(Type.Boolean()),
  taints: Type.Optional(Type.Array(Taint)),
})

/** Amounts by resource: `cpu`, `memory`, `ephemeral-storage`. */
const Amounts = () =>
  Type.Optional(
    Type.Unsafe<Record<string, number | string>>({
      type: 'object',
      additionalProperties: {
        anyOf: [{ type: 'integer' }, { type: 'string' }],
        pattern: QUANTITY_PATTERN,
        'x-kubernetes-int-or-string': true,
      },
    }),
  )

const NodeConditions = Type.Array(
  Type.Object({
    type: Type.String(),
    status: Choice(['True', 'False', 'Unknown']),
    reason: Type.String(),
    message: Type.String(),
    lastTransitionTime: Time(),
    lastHeartbeatTime: Type.Optional(Time()),
  }),
  BY_TYPE,
)

const NodeInfo = Type.Object(
  {
    architecture: text(),
    bootID: text(),
    containerRuntimeVersion: text(),
    kernelVersion: text(),
    kubeProxyVersion: text(),
    kubeletVersion: text(),
    machineID: text(),
    operatingSystem: text(),
    osImage: text(),
    systemUUID: text(),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

const Status = Type.Object(
  {
    capacity: Amounts(),
    allocatable: Amounts(),
    conditions: Type.Optional(NodeConditions),
    addresses: Type.Optional(Type.Array(Type.Object({ type: Type.String(), address: Type.String() }), BY_TYPE)),
    nodeInfo: Type.Optional(NodeInfo),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

export type NodeSpec = DeepReadonly<Type.Static<typeof Spec>>
export type NodeStatus = DeepReadonly<Type.Static<typeof Status>>

export interface Node extends KubeObject {
  readonly spec?: NodeSpec
  readonly status?: NodeStatus
}

export const NODE: KindDef = {
  group: '',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  categories: [],
  namespaced: false,
  resource: 'nodes',
  versions: [
    {
      name: 'v1',
      schema: Type.Object({ spec: Type.Optional(Spec), status: Type.Optional(Status) }),
      columns: [
        column('Ready', conditionStatus('Ready')),
        column('Unschedulable', '.spec.unschedulable', 'boolean'),
        column('CPU', '.status.allocatable.cpu'),
        column('Memory', '.status.allocatable.memory'),
        AGE,
        column('Version', '.status.nodeInfo.kubeletVersion'),
        wideColumn('Internal-IP', ".status.addresses[?(@.type=='InternalIP')].address"),
        wideColumn('OS-Image', '.status.nodeInfo.osImage'),
        wideColumn('Kernel-Version', '.status.nodeInfo.kernelVersion'),
      ],
    },
  ],
  storageVersion: 'v1',
  hasStatus: true,
  checkName: dnsSubdomain,
  rules: NODE_RULES,
  selectableFields: {
    'spec.unschedulable': (object) => String((object as Node).spec?.unschedulable ?? false),
  },
}
