// VirtualMachineOperation v1alpha2: one act on a VM, done once.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { Choice, Conditions, type DeepReadonly, Int64, Name, StringMap } from '../shapes.ts'

const Mode = () => Choice(['DryRun', 'Strict', 'BestEffort'])

const Clone = Type.Object({
  customization: Type.Optional(
    Type.Object({ namePrefix: Type.Optional(Type.String()), nameSuffix: Type.Optional(Type.String()) }),
  ),
  mode: Mode(),
  nameReplacement: Type.Optional(
    Type.Array(Type.Object({ from: Type.Object({ kind: Type.Optional(Name()), name: Name() }), to: Name() })),
  ),
})

const Spec = Type.Object({
  clone: Type.Optional(Clone),
  force: Type.Optional(Type.Boolean()),
  migrate: Type.Optional(Type.Object({ nodeSelector: Type.Optional(StringMap()) })),
  restore: Type.Optional(Type.Object({ mode: Mode(), virtualMachineSnapshotName: Name() })),
  type: Choice(['Restart', 'Start', 'Stop', 'Migrate', 'Evict', 'Restore', 'Clone']),
  virtualMachineName: Name(),
})

const Status = Type.Object(
  {
    conditions: Type.Optional(Conditions()),
    observedGeneration: Type.Optional(Int64()),
    phase: Choice(['Pending', 'InProgress', 'Completed', 'Failed', 'Terminating', 'Superseded']),
    progress: Type.Optional(Type.String()),
    resources: Type.Optional(
      Type.Array(
        Type.Object({
          apiVersion: Type.String(),
          kind: Type.String(),
          message: Type.String(),
          name: Type.String(),
          status: Choice(['InProgress', 'Completed', 'Failed']),
        }),
      ),
    ),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

export const VirtualMachineOperationSchema = Type.Object({ spec: Spec, status: Type.Optional(Status) })

export type VirtualMachineOperationSpec = DeepReadonly<Type.Static<typeof Spec>>
export type VirtualMachineOperationStatus = DeepReadonly<Type.Static<typeof Status>>

export interface VirtualMachineOperation extends KubeObject {
  readonly spec: VirtualMachineOperationSpec
  readonly status?: VirtualMachineOperationStatus
}
