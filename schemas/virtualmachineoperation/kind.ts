// VirtualMachineOperation as the API server serves it.
import { AGE, column } from '../columns.ts'
import { dvpResource, GROUP } from '../group.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { VIRTUAL_MACHINE_OPERATION_RULES } from './rules.ts'
import { VirtualMachineOperationSchema } from './schema.ts'

export const VIRTUAL_MACHINE_OPERATION: KindDef = {
  group: GROUP,
  kind: 'VirtualMachineOperation',
  plural: 'virtualmachineoperations',
  singular: 'virtualmachineoperation',
  shortNames: ['vmop'],
  categories: ['virtualization'],
  namespaced: true,
  resource: dvpResource('virtualmachineoperations'),
  versions: [
    {
      name: 'v1alpha2',
      schema: VirtualMachineOperationSchema,
      columns: [
        column('Phase', '.status.phase'),
        column('Progress', '.status.progress'),
        column('Type', '.spec.type'),
        column('VirtualMachine', '.spec.virtualMachineName'),
        AGE,
      ],
    },
  ],
  storageVersion: 'v1alpha2',
  hasStatus: true,
  checkName: dnsSubdomain,
  rules: VIRTUAL_MACHINE_OPERATION_RULES,
}
