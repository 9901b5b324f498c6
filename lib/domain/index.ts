/** Domains as data: a plan becomes libvirt's XML, libvirt's XML becomes what we observe. */

export { type Destination, destinationXml } from './destination.ts'
export { diskAlias, diskOfAlias } from './devices/alias.ts'
export { DISK_TARGETS, SEED_TARGET } from './devices/scsi-controller.ts'
export { SEED_ALIAS } from './devices/seed.ts'
export { diskXml, domainXml, MIN_SPARE_PORTS, nicXml } from './domain.ts'
export { METADATA_KEY, METADATA_URI, metadataXml, parseMetadata } from './metadata.ts'
export { type Observed, type ObservedDisk, type ObservedNic, observeDomain } from './observe.ts'
export {
  type Accelerator,
  type BackingLevel,
  type BerthMetadata,
  type CpuFeature,
  type CpuPlan,
  type DiskFormat,
  type DiskPlan,
  type DomainPlan,
  DomainPlanError,
  type FirmwarePlan,
  type NicPlan,
  type SmbiosPlan,
} from './plan.ts'
export { MAX_CORES, type Topology, topology } from './topology.ts'
