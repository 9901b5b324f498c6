// VirtualDisk as the API server serves it.
import { AGE, column, conditionStatus, wideColumn } from '../columns.ts'
import { dvpResource, GROUP } from '../group.ts'
import type { KindDef } from '../kind.ts'
import { dotlessName } from '../names.ts'
import { VIRTUAL_DISK_RULES } from './rules.ts'
import { VirtualDiskSchema } from './schema.ts'

export const VIRTUAL_DISK: KindDef = {
  group: GROUP,
  kind: 'VirtualDisk',
  plural: 'virtualdisks',
  singular: 'virtualdisk',
  shortNames: ['vd'],
  categories: ['virtualization'],
  namespaced: true,
  resource: dvpResource('virtualdisks'),
  versions: [
    {
      name: 'v1alpha2',
      schema: VirtualDiskSchema,
      columns: [
        column('Phase', '.status.phase'),
        column('Capacity', '.status.capacity'),
        wideColumn('InUse', conditionStatus('InUse')),
        column('VirtualMachine', '.status.attachedToVirtualMachines[?(@.mounted==true)].name'),
        wideColumn('Progress', '.status.progress'),
        wideColumn('StorageClass', '.status.storageClassName'),
        wideColumn('TargetPVC', '.status.target.persistentVolumeClaimName'),
        AGE,
      ],
    },
  ],
  storageVersion: 'v1alpha2',
  hasStatus: true,
  checkName: dotlessName,
  rules: VIRTUAL_DISK_RULES,
}
