// The shape of a Node.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { Amounts, BY_TYPE, Choice, type DeepReadonly, NullableTime, Time } from '../shapes.ts'

const text = () => Type.Optional(Type.String())

const Taint = Type.Object({
  key: Type.String({ minLength: 1 }),
  value: text(),
  effect: Choice(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
  timeAdded: Type.Optional(NullableTime()),
})

export const Spec = Type.Object({
  unschedulable: Type.Optional(Type.Boolean()),
  taints: Type.Optional(Type.Array(Taint)),
})

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

export const Status = Type.Object(
  {
    capacity: Type.Optional(Amounts()),
    allocatable: Type.Optional(Amounts()),
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
