// VirtualMachine v1alpha2: what may be asked for.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import {
  Choice,
  type DeepReadonly,
  type Defaulted,
  Int32,
  Int64,
  Name,
  QUANTITY_PATTERN,
  StringMap,
  Tolerations,
} from '../shapes.ts'
import { Affinity, TopologySpreadConstraints } from './placement.ts'
import { BLOCK_DEVICE_KINDS, Status, type VirtualMachineStatus } from './status.ts'

/** `100%`, `1%`; the percentage of a core that is guaranteed. */
const CORE_FRACTION_PATTERN = '^(Auto|(100|[1-9][0-9]?)%)$'

const SecretRef = () => Type.Object({ kind: Choice(['Secret'], { default: 'Secret' }), name: Name() })

/** Exactly the field that belongs to the type. */
const oneSource = (type: string, field: string, others: readonly string[]) => ({
  properties: { type: { enum: [type] } },
  required: [field],
  not: { anyOf: others.map((other) => ({ required: [other] })) },
})

const Provisioning = Type.Object(
  {
    type: Choice(['UserData', 'UserDataRef', 'SysprepRef']),
    userData: Type.Optional(Type.String()),
    userDataRef: Type.Optional(SecretRef()),
    sysprepRef: Type.Optional(SecretRef()),
  },
  {
    oneOf: [
      oneSource('SysprepRef', 'sysprepRef', ['userData', 'userDataRef']),
      oneSource('UserData', 'userData', ['sysprepRef', 'userDataRef']),
      oneSource('UserDataRef', 'userDataRef', ['sysprepRef', 'userData']),
    ],
  },
)

const BlockDeviceRef = Type.Object({
  kind: Type.Optional(Choice(BLOCK_DEVICE_KINDS)),
  name: Type.Optional(Name()),
  bootOrder: Type.Optional(Type.Integer({ minimum: 1 })),
})

const Network = Type.Object({
  id: Type.Optional(Type.Integer()),
  type: Choice(['Main', 'Network', 'ClusterNetwork']),
  name: Type.Optional(Name()),
  virtualMachineMACAddressName: Type.Optional(Name()),
  ipAddressName: Type.Optional(Name()),
})

const Gpu = Type.Object({
  gpuClassName: Type.String({
    minLength: 1,
    maxLength: 253,
    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  }),
})

const Spec = Type.Object({
  provisioning: Type.Optional(Provisioning),
  runPolicy: Type.Optional(
    Choice(['AlwaysOn', 'AlwaysOff', 'Manual', 'AlwaysOnUnlessStoppedManually'], {
      default: 'AlwaysOnUnlessStoppedManually',
    }),
  ),
  virtualMachineIPAddressName: Type.Optional(Name()),
  topologySpreadConstraints: Type.Optional(TopologySpreadConstraints()),
  affinity: Type.Optional(Affinity()),
  nodeSelector: Type.Optional(StringMap()),
  priorityClassName: Type.Optional(Name()),
  tolerations: Type.Optional(Tolerations()),
  disruptions: Type.Optional(
    Type.Object(
      { restartApprovalMode: Type.Optional(Choice(['Manual', 'Automatic'])) },
      { default: { restartApprovalMode: 'Manual' } },
    ),
  ),
  terminationGracePeriodSeconds: Type.Optional(Int64({ default: 60 })),
  enableParavirtualization: Type.Optional(Type.Boolean({ default: true })),
  osType: Type.Optional(Choice(['Windows', 'Generic', 'Legacy'], { default: 'Generic' })),
  bootloader: Type.Optional(Choice(['BIOS', 'EFI', 'EFIWithSecureBoot'], { default: 'BIOS' })),
  virtualMachineClassName: Name(),
  cpu: Type.Object({
    cores: Int32({ minimum: 1 }),
    coreFraction: Type.Optional(Type.String({ pattern: CORE_FRACTION_PATTERN })),
  }),
  memory: Type.Object({ size: Type.String({ pattern: QUANTITY_PATTERN }) }),
  blockDeviceRefs: Type.Array(BlockDeviceRef, { minItems: 1, maxItems: 16 }),
  liveMigrationPolicy: Type.Optional(
    Choice(['AlwaysSafe', 'PreferSafe', 'AlwaysForced', 'PreferForced'], { default: 'PreferSafe' }),
  ),
  networks: Type.Optional(Type.Array(Network)),
  usbDevices: Type.Optional(Type.Array(Type.Object({ name: Name() }), { maxItems: 8 })),
  gpus: Type.Optional(Type.Array(Gpu, { maxItems: 16, 'x-kubernetes-list-type': 'atomic' })),
})

export const VirtualMachineSchema = Type.Object({ spec: Spec, status: Type.Optional(Status) })

/** The spec as the store has it, defaults filled in. */
export type VirtualMachineSpec = DeepReadonly<
  Defaulted<
    Type.Static<typeof Spec>,
    | 'runPolicy'
    | 'disruptions'
    | 'terminationGracePeriodSeconds'
    | 'enableParavirtualization'
    | 'osType'
    | 'bootloader'
    | 'liveMigrationPolicy'
  >
>
export type RunPolicy = VirtualMachineSpec['runPolicy']
export type BlockDeviceRef = VirtualMachineSpec['blockDeviceRefs'][number]

export interface VirtualMachine extends KubeObject {
  readonly spec: VirtualMachineSpec
  readonly status?: VirtualMachineStatus
}
