// VirtualMachineClass: v1alpha3, which is stored, and v1alpha2, which writes core fractions as whole numbers.
import Type, { type TSchema } from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import {
  Amounts,
  Choice,
  Conditions,
  type DeepReadonly,
  Int64,
  IntOrQuantity,
  LabelSelector,
  Tolerations,
} from '../shapes.ts'

const Cpu = Type.Object({
  discovery: Type.Optional(Type.Object({ nodeSelector: Type.Optional(LabelSelector({ atomic: 'all' })) })),
  features: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
  model: Type.Optional(Type.String({ minLength: 1 })),
  type: Choice(['Host', 'HostPassthrough', 'Discovery', 'Model', 'Features']),
})

const Range = () => ({ max: Type.Optional(IntOrQuantity()), min: Type.Optional(IntOrQuantity()) })

/** One row of the table of sizes; the two versions differ in how they write core fractions. */
const SizingPolicy = <F extends TSchema, D extends TSchema>(fraction: F, defaultFraction: D) =>
  Type.Object({
    coreFractions: Type.Optional(Type.Array(fraction)),
    cores: Type.Object({
      max: Type.Integer({ maximum: 1024 }),
      min: Type.Integer({ minimum: 1 }),
      step: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
    dedicatedCores: Type.Optional(Type.Array(Type.Boolean())),
    defaultCoreFraction: Type.Optional(defaultFraction),
    memory: Type.Optional(
      Type.Object({
        ...Range(),
        perCore: Type.Optional(Type.Object(Range())),
        step: Type.Optional(IntOrQuantity()),
      }),
    ),
  })

const spec = <P extends TSchema>(policy: P) =>
  Type.Object({
    cpu: Cpu,
    nodeSelector: Type.Optional(LabelSelector({ atomic: 'values' })),
    sizingPolicies: Type.Optional(Type.Array(policy, { maxItems: 16 })),
    tolerations: Type.Optional(Tolerations()),
  })

const Status = Type.Object(
  {
    availableNodes: Type.Optional(Type.Array(Type.String())),
    conditions: Type.Optional(Conditions()),
    cpuFeatures: Type.Optional(
      Type.Object({
        enabled: Type.Optional(Type.Array(Type.String())),
        notEnabledCommon: Type.Optional(Type.Array(Type.String())),
      }),
    ),
    maxAllocatableResources: Type.Optional(Amounts()),
    observedGeneration: Type.Optional(Int64()),
    phase: Choice(['Pending', 'Ready', 'Terminating']),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

const Spec = spec(
  SizingPolicy(
    Type.String({ pattern: '^(100|[1-9][0-9]?)%$' }),
    Type.String({ pattern: '^(Auto|(100|[1-9][0-9]?)%)$' }),
  ),
)

const SpecV1alpha2 = spec(
  SizingPolicy(
    Type.Integer({ minimum: 1, maximum: 100 }),
    Type.Unsafe<number | 'Auto'>({
      anyOf: [
        { type: 'integer', minimum: 1, maximum: 100 },
        { type: 'string', enum: ['Auto'] },
      ],
      maxLength: 4,
      'x-kubernetes-int-or-string': true,
    }),
  ),
)

export const VirtualMachineClassSchema = Type.Object({ spec: Spec, status: Type.Optional(Status) })
export const VirtualMachineClassV1alpha2Schema = Type.Object({ spec: SpecV1alpha2, status: Type.Optional(Status) })

export type VirtualMachineClassSpec = DeepReadonly<Type.Static<typeof Spec>>
export type VirtualMachineClassStatus = DeepReadonly<Type.Static<typeof Status>>
export type VirtualMachineClassCpu = VirtualMachineClassSpec['cpu']
export type SizingPolicy = NonNullable<VirtualMachineClassSpec['sizingPolicies']>[number]

/** The class in its stored version, v1alpha3. */
export interface VirtualMachineClass extends KubeObject {
  readonly spec: VirtualMachineClassSpec
  readonly status?: VirtualMachineClassStatus
}

export type VirtualMachineClassSpecV1alpha2 = DeepReadonly<Type.Static<typeof SpecV1alpha2>>

export interface VirtualMachineClassV1alpha2 extends KubeObject {
  readonly spec: VirtualMachineClassSpecV1alpha2
  readonly status?: VirtualMachineClassStatus
}
