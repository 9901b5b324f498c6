// VirtualMachine as the API server serves it.
import { AGE, column, conditionStatus, wideColumn } from '../columns.ts'
import { dvpResource, GROUP } from '../group.ts'
import type { KindDef } from '../kind.ts'
import { dnsLabel } from '../names.ts'
import { VIRTUAL_MACHINE_RULES } from './rules.ts'
import { VirtualMachineSchema } from './schema.ts'

export const VIRTUAL_MACHINE: KindDef = {
  group: GROUP,
  kind: 'VirtualMachine',
  plural: 'virtualmachines',
  singular: 'virtualmachine',
  shortNames: ['vm'],
  categories: ['all', 'virtualization'],
  namespaced: true,
  resource: dvpResource('virtualmachines'),
  versions: [
    {
      name: 'v1alpha2',
      schema: VirtualMachineSchema,
      columns: [
        column('Phase', '.status.phase'),
        column('Uptime', '.status.stats.lastStartTime', 'date'),
        wideColumn('Cores', '.status.resources.cpu.cores'),
        wideColumn('CoreFraction', '.status.resources.cpu.coreFraction'),
        wideColumn('Memory', '.status.resources.memory.size'),
        wideColumn('Need restart', conditionStatus('AwaitingRestartToApplyConfiguration')),
        wideColumn('Agent', conditionStatus('AgentReady')),
        wideColumn('Migratable', conditionStatus('Migratable')),
        column('Node', '.status.nodeName'),
        column('IPAddress', '.status.ipAddress'),
        AGE,
      ],
    },
  ],
  storageVersion: 'v1alpha2',
  hasStatus: true,
  checkName: dnsLabel,
  rules: VIRTUAL_MACHINE_RULES,
}
