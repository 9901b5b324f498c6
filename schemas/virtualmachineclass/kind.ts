// VirtualMachineClass as the API server serves it, in two versions.
import { AGE, column } from '../columns.ts'
import { dvpResource, GROUP } from '../group.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { fromStorage, toStorage } from './convert.ts'
import { VIRTUAL_MACHINE_CLASS_RULES } from './rules.ts'
import { VirtualMachineClassSchema, VirtualMachineClassV1alpha2Schema } from './schema.ts'

const COLUMNS = [
  column('Phase', '.status.phase'),
  column('IsDefault', '.metadata.annotations.virtualmachineclass\\.virtualization\\.deckhouse\\.io\\/is-default-class'),
  AGE,
]

export const VIRTUAL_MACHINE_CLASS: KindDef = {
  group: GROUP,
  kind: 'VirtualMachineClass',
  plural: 'virtualmachineclasses',
  singular: 'virtualmachineclass',
  shortNames: ['vmc', 'vmclass'],
  categories: ['virtualization-cluster'],
  namespaced: false,
  resource: dvpResource('virtualmachineclasses'),
  versions: [
    { name: 'v1alpha3', schema: VirtualMachineClassSchema, columns: COLUMNS },
    { name: 'v1alpha2', schema: VirtualMachineClassV1alpha2Schema, columns: COLUMNS },
  ],
  storageVersion: 'v1alpha3',
  hasStatus: true,
  checkName: dnsSubdomain,
  rules: VIRTUAL_MACHINE_CLASS_RULES,
  convert: { toStorage, fromStorage },
}
