// scheduling.k8s.io/v1 PriorityClass: how much a virtual machine matters beside others.
import { AGE, column, wideColumn } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { PRIORITY_CLASS_RULES } from './rules.ts'
import { Fields } from './schema.ts'

export const PRIORITY_CLASS: KindDef = {
  group: 'scheduling.k8s.io',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  categories: [],
  namespaced: false,
  resource: 'priorityclasses.scheduling.k8s.io',
  versions: [
    {
      name: 'v1',
      schema: Fields,
      columns: [
        column('Value', '.value', 'integer'),
        column('Global-Default', '.globalDefault', 'boolean'),
        AGE,
        wideColumn('PreemptionPolicy', '.preemptionPolicy'),
      ],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: dnsSubdomain,
  rules: PRIORITY_CLASS_RULES,
}
