// A scheduler's question to a host: which CPU do these hosts have in common, by your libvirt? Asked, not stored.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import type { KindDef } from '../kind.ts'
import { Choice, Open } from '../shapes.ts'
import type { DiscoveredCpu } from '../virtualmachineclass/discovered.ts'
import { CLUSTER_GROUP } from './hostbinding.ts'

const MAX_XML = 65_536
const MAX_CPUS = 10_000

export interface CpuBaselineAsk {
  readonly accelerator: 'kvm' | 'qemu'
  /** libvirt's XML of each different CPU. */
  readonly cpus: readonly string[]
}

export type CpuBaseline = KubeObject & CpuBaselineAsk & { readonly baseline?: DiscoveredCpu }

export const CPU_BASELINE: KindDef = {
  group: CLUSTER_GROUP,
  kind: 'CpuBaseline',
  plural: 'cpubaselines',
  singular: 'cpubaseline',
  shortNames: [],
  categories: [],
  namespaced: false,
  resource: `cpubaselines.${CLUSTER_GROUP}`,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({
        accelerator: Choice(['kvm', 'qemu']),
        cpus: Type.Array(Type.String({ minLength: 1, maxLength: MAX_XML }), { minItems: 1, maxItems: MAX_CPUS }),
        baseline: Type.Optional(Open({ description: 'Answer: model, features and all that are enabled.' })),
      }),
      columns: [],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: () => null,
  rules: [],
}
