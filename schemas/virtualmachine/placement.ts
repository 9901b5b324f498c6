// The placement half of a VirtualMachine's spec: node selector, affinity, spread.
import Type from 'typebox'
import { type DeepReadonly, Int32, LabelSelector, NodeSelectorTerm } from '../shapes.ts'

const Weight = () => Int32({ minimum: 1, maximum: 100 })

/** Other VMs near or far: those that the selectors match, within a domain named by a node label. */
const VirtualMachineTerm = () =>
  Type.Object({
    labelSelector: Type.Optional(LabelSelector()),
    namespaceSelector: Type.Optional(LabelSelector()),
    namespaces: Type.Optional(Type.Array(Type.String())),
    topologyKey: Type.String(),
    matchLabelKeys: Type.Optional(Type.Array(Type.String())),
    mismatchLabelKeys: Type.Optional(Type.Array(Type.String())),
  })

export type VirtualMachineTerm = DeepReadonly<Type.Static<ReturnType<typeof VirtualMachineTerm>>>

const VirtualMachineAffinity = () =>
  Type.Object({
    preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
      Type.Array(Type.Object({ virtualMachineAndPodAffinityTerm: VirtualMachineTerm(), weight: Weight() })),
    ),
    requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(Type.Array(VirtualMachineTerm())),
  })

export const Affinity = () =>
  Type.Object({
    nodeAffinity: Type.Optional(
      Type.Object({
        preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
          Type.Array(Type.Object({ preference: NodeSelectorTerm(), weight: Weight() })),
        ),
        requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
          Type.Object({ nodeSelectorTerms: Type.Array(NodeSelectorTerm()) }),
        ),
      }),
    ),
    virtualMachineAndPodAffinity: Type.Optional(VirtualMachineAffinity()),
    virtualMachineAndPodAntiAffinity: Type.Optional(VirtualMachineAffinity()),
  })

export const TopologySpreadConstraints = () =>
  Type.Array(
    Type.Object({
      labelSelector: Type.Optional(LabelSelector()),
      maxSkew: Int32(),
      topologyKey: Type.String(),
      whenUnsatisfiable: Type.String(),
    }),
  )
