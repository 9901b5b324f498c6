// What a machine cannot be placed without.
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { discoveredOf, type VirtualMachine, type VirtualMachineClass } from '../../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, VM_CLASSES } from '../../../schemas/resources.ts'

const RESOURCES: Readonly<Record<string, string>> = {
  VirtualDisk: DISKS,
  VirtualImage: IMAGES,
  ClusterVirtualImage: CLUSTER_IMAGES,
}

/** In words; null when all that the machine names is there. */
export function missingWords({ metadata, spec }: VirtualMachine, reader: Pick<Reader, 'get'>): string | null {
  const namespace = metadata.namespace ?? ''
  const className = spec.virtualMachineClassName
  const missing = [
    ...(reader.get(VM_CLASSES, { namespace: '', name: className }) === null
      ? [`the VirtualMachineClass ${className}`]
      : []),
    ...(isUndiscovered(reader.get<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: className }))
      ? [`the common CPU of the VirtualMachineClass ${className}, which is not found yet`]
      : []),
    ...(spec.blockDeviceRefs ?? []).flatMap(({ kind = '', name = '' }) => {
      const resource = RESOURCES[kind]
      if (resource === undefined) return []
      const found = reader.get(resource, { namespace: resource === CLUSTER_IMAGES ? '' : namespace, name })
      if (found === null) return [`the ${kind} ${name}`]
      return found.metadata.deletionTimestamp === undefined
        ? []
        : [`another ${kind} than ${name}, which is being deleted`]
    }),
  ]
  return missing.length === 0 ? null : `waits for ${missing.join(', ')}`
}

const isUndiscovered = (vmClass: VirtualMachineClass | null): boolean =>
  vmClass?.spec.cpu.type === 'Discovery' && discoveredOf(vmClass) === null
