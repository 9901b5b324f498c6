// VirtualMachine v1alpha2: what is reported. Controllers may add fields of ours, so unknown ones are kept.
import Type from 'typebox'
import {
  Choice,
  Conditions,
  type DeepReadonly,
  Int64,
  IntOrQuantity,
  NullableDuration,
  NullableTime,
  Open,
} from '../shapes.ts'

export const BLOCK_DEVICE_KINDS = ['ClusterVirtualImage', 'VirtualImage', 'VirtualDisk'] as const

const PHASES = [
  'Pending',
  'Running',
  'Degraded',
  'Terminating',
  'Stopped',
  'Stopping',
  'Starting',
  'Migrating',
  'Pause',
] as const

/** What the guest agent says about the guest's operating system. */
export interface GuestOSInfo {
  readonly id?: string
  readonly name?: string
  readonly prettyName?: string
  readonly version?: string
  readonly versionId?: string
  readonly kernelRelease?: string
  readonly kernelVersion?: string
  readonly machine?: string
}

/** A change of spec that waits for a restart. */
export interface RestartAwaitingChange {
  /** Path below spec with dots, list positions as numbers: `blockDeviceRefs.0`. */
  readonly path: string
  readonly operation: 'add' | 'remove' | 'replace'
  readonly currentValue?: unknown
  readonly desiredValue?: unknown
}

const BlockDeviceStatus = Type.Object({
  attached: Type.Boolean(),
  hotplugged: Type.Optional(Type.Boolean()),
  kind: Choice(BLOCK_DEVICE_KINDS),
  name: Type.String(),
  target: Type.Optional(Type.String()),
  size: Type.String(),
  virtualMachineBlockDeviceAttachmentName: Type.Optional(Type.String()),
  bootOrder: Type.Optional(Type.Integer()),
})

const MigrationEnd = () => Type.Object({ node: Type.Optional(Type.String()), pod: Type.Optional(Type.String()) })

const MigrationState = Type.Object({
  startTimestamp: Type.Optional(NullableTime()),
  endTimestamp: Type.Optional(NullableTime()),
  target: Type.Optional(MigrationEnd()),
  source: Type.Optional(MigrationEnd()),
  result: Type.Optional(Choice(['', 'Succeeded', 'Failed'])),
})

const Stats = Type.Object({
  phasesTransitions: Type.Optional(
    Type.Array(Type.Object({ phase: Type.Optional(Choice(PHASES)), timestamp: Type.Optional(NullableTime()) })),
  ),
  launchTimeDuration: Type.Optional(
    Type.Object({
      waitingForDependencies: Type.Optional(NullableDuration()),
      virtualMachineStarting: Type.Optional(NullableDuration()),
      guestOSAgentStarting: Type.Optional(NullableDuration()),
    }),
  ),
  lastStartTime: Type.Optional(NullableTime()),
})

const Resources = Type.Object({
  cpu: Type.Optional(
    Type.Object({
      coreFraction: Type.Optional(Type.String()),
      cores: Type.Integer(),
      requestedCores: Type.Optional(IntOrQuantity()),
      runtimeOverhead: Type.Optional(IntOrQuantity()),
      topology: Type.Optional(Type.Object({ coresPerSocket: Type.Integer(), sockets: Type.Integer() })),
    }),
  ),
  memory: Type.Optional(Type.Object({ runtimeOverhead: Type.Optional(IntOrQuantity()), size: IntOrQuantity() })),
})

const UsbDeviceStatus = Type.Object({
  name: Type.String(),
  attached: Type.Boolean(),
  ready: Type.Boolean(),
  address: Type.Optional(Type.Object({ bus: Type.Optional(Type.Integer()), port: Type.Optional(Type.Integer()) })),
  hotplugged: Type.Optional(Type.Boolean()),
})

const NetworkStatus = Type.Object({
  id: Type.Optional(Type.Integer()),
  type: Type.String(),
  name: Type.Optional(Type.String()),
  macAddress: Type.Optional(Type.String()),
  virtualMachineMACAddressName: Type.Optional(Type.String()),
  ipAddress: Type.Optional(Type.String()),
})

export const Status = Type.Object(
  {
    guestOSInfo: Type.Optional(Open<GuestOSInfo>()),
    phase: Type.Optional(Choice(PHASES)),
    nodeName: Type.Optional(Type.String()),
    virtualMachineIPAddressName: Type.Optional(Type.String()),
    ipAddress: Type.Optional(Type.String()),
    blockDeviceRefs: Type.Optional(Type.Array(BlockDeviceStatus)),
    migrationState: Type.Optional(MigrationState),
    stats: Type.Optional(Stats),
    conditions: Type.Optional(Conditions()),
    restartAwaitingChanges: Type.Optional(Type.Array(Open<RestartAwaitingChange>())),
    observedGeneration: Type.Optional(Int64()),
    recommendedResources: Type.Optional(
      Type.Object({
        cpu: Type.Optional(
          Type.Object({ coreFraction: Type.Optional(Type.String({ pattern: '^(100|[1-9][0-9]?)%$' })) }),
        ),
      }),
    ),
    virtualMachinePods: Type.Optional(Type.Array(Type.Object({ active: Type.Boolean(), name: Type.String() }))),
    versions: Type.Optional(Type.Object({ libvirt: Type.Optional(Type.String()), qemu: Type.Optional(Type.String()) })),
    resources: Type.Optional(Resources),
    usbDevices: Type.Optional(Type.Array(UsbDeviceStatus)),
    networks: Type.Optional(Type.Array(NetworkStatus)),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

export type VirtualMachineStatus = DeepReadonly<Type.Static<typeof Status>>
