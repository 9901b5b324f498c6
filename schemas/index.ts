// All kinds, in the order in which discovery lists them, and the types of their objects.
import { ACCESS_TOKEN } from './access/token.ts'
import { HOST_BINDING } from './cluster/hostbinding.ts'
import { CONFIG_MAP } from './core/configmap.ts'
import { EVENT } from './core/event.ts'
import { NAMESPACE } from './core/namespace.ts'
import { NODE } from './core/node.ts'
import { SECRET } from './core/secret.ts'
import { CLUSTER_VIRTUAL_IMAGE, VIRTUAL_IMAGE } from './image/kind.ts'
import type { KindDef } from './kind.ts'
import { PRIORITY_CLASS } from './priorityclass/kind.ts'
import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING } from './rbac/kinds.ts'
import { STORAGE_CLASS } from './storageclass/kind.ts'
import { VIRTUAL_DISK } from './virtualdisk/kind.ts'
import { VIRTUAL_MACHINE } from './virtualmachine/kind.ts'
import { VIRTUAL_MACHINE_CLASS } from './virtualmachineclass/kind.ts'
import { VIRTUAL_MACHINE_OPERATION } from './virtualmachineoperation/kind.ts'

export type { AccessToken } from './access/token.ts'
export { BOUND, isBound, ORPHANED, SCHEDULER_USER, SCHEDULERS_GROUP } from './cluster/bound.ts'
export { CLAIM, type ClaimAnswer, type ClaimAsk } from './cluster/claim.ts'
export { CPU_BASELINE, type CpuBaseline, type CpuBaselineAsk } from './cluster/cpubaseline.ts'
export {
  HANDOVER_ASKS,
  type HandoverAnswer,
  type HandoverAsk,
  type HandoverManifest,
  MIGRATION_HANDOVER,
  type MigrationHandover,
} from './cluster/handover.ts'
export type {
  BindingImage,
  BindingMigration,
  BindingMigrationStatus,
  HostBinding,
  HostBindingSpec,
  HostBindingStatus,
  MigrationPhase,
  Ruler,
} from './cluster/hostbinding.ts'
export { CLUSTER_GROUP, MIGRATION_PHASES } from './cluster/hostbinding.ts'
export {
  LEASE_RENEWAL,
  LEASE_SECONDS,
  type LeaseAnswer,
  type LeaseAsk,
  type LeaseEvidence,
  RENEW_EVERY_MS,
  type ToldClass,
  toldClass,
} from './cluster/leaserenewal.ts'
export { cpuDigest, type NodeCpu, nodeCpuOf } from './cluster/node-cpu.ts'
export {
  type NodeClass,
  type NodeStorage,
  nodeClassesOf,
  nodeImage,
  nodeImagesOf,
  nodeStorageOf,
  storedClass,
} from './cluster/node-storage.ts'
export { guestsHaveTpm, TPM_CONDITION } from './cluster/node-tpm.ts'
export type {
  ClusterDiskStatus,
  ClusterImageStatus,
  ClusterVmStatus,
  Eviction,
  Leaving,
  MigrationOptions,
  MigrationRecord,
  Placement,
} from './cluster/placement.ts'
export { clusterStatusOf, lastEpoch, nextEpoch, openMigration } from './cluster/placement.ts'
export type { ConfigMap } from './core/configmap.ts'
export type { Event } from './core/event.ts'
export type { Namespace } from './core/namespace.ts'
export type { Node, NodeSpec, NodeStatus } from './core/node-schema.ts'
export type { Secret } from './core/secret-schema.ts'
export { GROUP } from './group.ts'
export type {
  ClusterVirtualImage,
  ClusterVirtualImageSpec,
  ClusterVirtualImageStatus,
  VirtualImage,
  VirtualImageSpec,
  VirtualImageStatus,
} from './image/schema.ts'
export type { Checksum, DataSource } from './image/source.ts'
export type { KindDef, PrinterColumn, Rule, VersionDef } from './kind.ts'
export type { PriorityClass } from './priorityclass/schema.ts'
export type { Binding, ClusterRole, PolicyRule, Role, RoleRef, Subject } from './rbac/shapes.ts'
export {
  defaultStorageClass,
  isShared,
  type StorageClass,
  waitsForConsumer,
} from './storageclass/schema.ts'
export type { VirtualDisk, VirtualDiskSpec, VirtualDiskStatus } from './virtualdisk/schema.ts'
export type {
  BlockDeviceRef,
  RunPolicy,
  VirtualMachine,
  VirtualMachineSpec,
} from './virtualmachine/schema.ts'
export type {
  GuestOSInfo,
  RestartAwaitingChange,
  VirtualMachineStatus,
} from './virtualmachine/status.ts'
export {
  carriedBy,
  carryingDiscovered,
  DISCOVERED_CPU,
  type DiscoveredCpu,
  type Discovery,
  discoveredOf,
  discoveryOf,
  withDiscovery,
} from './virtualmachineclass/discovered.ts'
export type {
  SizingPolicy,
  VirtualMachineClass,
  VirtualMachineClassSpec,
  VirtualMachineClassStatus,
} from './virtualmachineclass/schema.ts'
export type {
  VirtualMachineOperation,
  VirtualMachineOperationSpec,
  VirtualMachineOperationStatus,
} from './virtualmachineoperation/schema.ts'
export {
  ACCESS_TOKEN,
  CLUSTER_ROLE,
  CLUSTER_ROLE_BINDING,
  CLUSTER_VIRTUAL_IMAGE,
  CONFIG_MAP,
  EVENT,
  HOST_BINDING,
  NAMESPACE,
  NODE,
  PRIORITY_CLASS,
  ROLE,
  ROLE_BINDING,
  SECRET,
  STORAGE_CLASS,
  VIRTUAL_DISK,
  VIRTUAL_IMAGE,
  VIRTUAL_MACHINE,
  VIRTUAL_MACHINE_CLASS,
  VIRTUAL_MACHINE_OPERATION,
}

/** What an agent and a scheduler both serve. */
export const KINDS: readonly KindDef[] = [
  NAMESPACE,
  NODE,
  SECRET,
  CONFIG_MAP,
  EVENT,
  STORAGE_CLASS,
  PRIORITY_CLASS,
  VIRTUAL_MACHINE,
  VIRTUAL_DISK,
  VIRTUAL_IMAGE,
  CLUSTER_VIRTUAL_IMAGE,
  VIRTUAL_MACHINE_OPERATION,
  VIRTUAL_MACHINE_CLASS,
  ROLE,
  CLUSTER_ROLE,
  ROLE_BINDING,
  CLUSTER_ROLE_BINDING,
  ACCESS_TOKEN,
]

/** What an agent serves. */
export const AGENT_KINDS: readonly KindDef[] = [...KINDS, HOST_BINDING]
