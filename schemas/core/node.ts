// core/v1 Node: a host. Its agent writes the status; people write labels, taints and `unschedulable`.
import Type from 'typebox'
import { AGE, column, wideColumn } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { rolesWords, statusWords } from './node-columns.ts'
import { NODE_RULES } from './node-rules.ts'
import { type Node, Spec, Status } from './node-schema.ts'

export const NODE: KindDef = {
  group: '',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  categories: [],
  namespaced: false,
  resource: 'nodes',
  versions: [
    {
      name: 'v1',
      schema: Type.Object({ spec: Type.Optional(Spec), status: Type.Optional(Status) }),
      columns: [
        { ...column('Status', ".status.conditions[?(@.type=='Ready')].status"), words: statusWords },
        { ...column('Roles', '.metadata.labels'), words: rolesWords },
        column('CPU', '.status.allocatable.cpu'),
        column('Memory', '.status.allocatable.memory'),
        AGE,
        column('Version', '.status.nodeInfo.kubeletVersion'),
        wideColumn('Internal-IP', ".status.addresses[?(@.type=='InternalIP')].address"),
        wideColumn('OS-Image', '.status.nodeInfo.osImage'),
        wideColumn('Kernel-Version', '.status.nodeInfo.kernelVersion'),
      ],
    },
  ],
  storageVersion: 'v1',
  hasStatus: true,
  checkName: dnsSubdomain,
  rules: NODE_RULES,
  selectableFields: {
    'spec.unschedulable': (object) => String((object as Node).spec?.unschedulable ?? false),
  },
}
