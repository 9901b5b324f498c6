// storage.k8s.io/v1 StorageClass: where on the host disks live. One driver so far: qcow2 files in a folder.
import { AGE, column } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { STORAGE_CLASS_RULES } from './rules.ts'
import { Fields } from './schema.ts'

export const STORAGE_CLASS: KindDef = {
  group: 'storage.k8s.io',
  kind: 'StorageClass',
  plural: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  categories: [],
  namespaced: false,
  resource: 'storageclasses.storage.k8s.io',
  versions: [
    {
      name: 'v1',
      schema: Fields,
      columns: [
        column('Provisioner', '.provisioner'),
        column('ReclaimPolicy', '.reclaimPolicy'),
        column('VolumeBindingMode', '.volumeBindingMode'),
        column('AllowVolumeExpansion', '.allowVolumeExpansion', 'boolean'),
        AGE,
      ],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: dnsSubdomain,
  rules: STORAGE_CLASS_RULES,
}
