// VirtualImage and ClusterVirtualImage as the API server serves them.
import { AGE, column, wideColumn } from '../columns.ts'
import { dvpResource, GROUP } from '../group.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { CLUSTER_VIRTUAL_IMAGE_RULES, VIRTUAL_IMAGE_RULES } from './rules.ts'
import { ClusterVirtualImageSchema, VirtualImageSchema } from './schema.ts'

const COLUMNS = [
  column('Phase', '.status.phase'),
  column('CDROM', '.status.cdrom', 'boolean'),
  column('Progress', '.status.progress'),
  wideColumn('StoredSize', '.status.size.stored'),
  wideColumn('UnpackedSize', '.status.size.unpacked'),
  wideColumn('Registry URL', '.status.target.registryURL'),
]

export const VIRTUAL_IMAGE: KindDef = {
  group: GROUP,
  kind: 'VirtualImage',
  plural: 'virtualimages',
  singular: 'virtualimage',
  shortNames: ['vi'],
  categories: ['virtualization'],
  namespaced: true,
  resource: dvpResource('virtualimages'),
  versions: [
    {
      name: 'v1alpha2',
      schema: VirtualImageSchema,
      columns: [...COLUMNS, wideColumn('TargetPVC', '.status.target.persistentVolumeClaimName'), AGE],
    },
  ],
  storageVersion: 'v1alpha2',
  hasStatus: true,
  checkName: dnsSubdomain,
  rules: VIRTUAL_IMAGE_RULES,
}

export const CLUSTER_VIRTUAL_IMAGE: KindDef = {
  group: GROUP,
  kind: 'ClusterVirtualImage',
  plural: 'clustervirtualimages',
  singular: 'clustervirtualimage',
  shortNames: ['cvi'],
  categories: ['virtualization-cluster'],
  namespaced: false,
  resource: dvpResource('clustervirtualimages'),
  versions: [{ name: 'v1alpha2', schema: ClusterVirtualImageSchema, columns: [...COLUMNS, AGE] }],
  storageVersion: 'v1alpha2',
  hasStatus: true,
  checkName: dnsSubdomain,
  rules: CLUSTER_VIRTUAL_IMAGE_RULES,
}
