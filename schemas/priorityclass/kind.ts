// scheduling.k8s.io/v1 PriorityClass: how much a virtual machine matters beside others.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { AGE, column, wideColumn } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { Choice, type DeepReadonly, type Defaulted, Int32 } from '../shapes.ts'
import { PRIORITY_CLASS_RULES } from './rules.ts'

const Fields = Type.Object({
  value: Type.Optional(Int32({ default: 0, description: 'Higher matters more. Users may give up to one billion.' })),
  globalDefault: Type.Optional(
    Type.Boolean({ default: false, description: 'For machines that name no class. One at most.' }),
  ),
  preemptionPolicy: Type.Optional(Choice(['PreemptLowerPriority', 'Never'], { default: 'PreemptLowerPriority' })),
  description: Type.Optional(Type.String()),
})

export interface PriorityClass extends KubeObject, DeepReadonly<Defaulted<Type.Static<typeof Fields>, 'value'>> {}

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
