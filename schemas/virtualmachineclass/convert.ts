// VirtualMachineClass between v1alpha2 and v1alpha3: 25 and "25%" are the same fraction. Nothing is lost either way.
import type { KubeObject } from '../../lib/object.ts'
import { GROUP } from '../group.ts'
import type { SizingPolicy, VirtualMachineClass, VirtualMachineClassV1alpha2 } from './schema.ts'

type SizingPolicyV1alpha2 = NonNullable<VirtualMachineClassV1alpha2['spec']['sizingPolicies']>[number]

const toPercent = (fraction: number): string => `${fraction}%`
const fromPercent = (fraction: string): number => Number.parseInt(fraction, 10)

function policyToStorage({ coreFractions, defaultCoreFraction, ...rest }: SizingPolicyV1alpha2): SizingPolicy {
  return {
    ...rest,
    ...(coreFractions && { coreFractions: coreFractions.map(toPercent) }),
    ...(defaultCoreFraction !== undefined && {
      defaultCoreFraction: defaultCoreFraction === 'Auto' ? 'Auto' : toPercent(defaultCoreFraction),
    }),
  }
}

function policyFromStorage({ coreFractions, defaultCoreFraction, ...rest }: SizingPolicy): SizingPolicyV1alpha2 {
  return {
    ...rest,
    ...(coreFractions && { coreFractions: coreFractions.map(fromPercent) }),
    ...(defaultCoreFraction !== undefined && {
      defaultCoreFraction: defaultCoreFraction === 'Auto' ? 'Auto' : fromPercent(defaultCoreFraction),
    }),
  }
}

/** A class of any served version in its stored one. */
export function toStorage(object: KubeObject, from: string): KubeObject {
  if (from !== 'v1alpha2') return object
  const { spec } = object as VirtualMachineClassV1alpha2
  const stored: VirtualMachineClass['spec'] = {
    ...spec,
    ...(spec.sizingPolicies && { sizingPolicies: spec.sizingPolicies.map(policyToStorage) }),
  } as VirtualMachineClass['spec']
  return { ...object, apiVersion: `${GROUP}/v1alpha3`, spec: stored }
}

/** A stored class in a served version. */
export function fromStorage(object: KubeObject, to: string): KubeObject {
  if (to !== 'v1alpha2') return object
  const { spec } = object as VirtualMachineClass
  const served: VirtualMachineClassV1alpha2['spec'] = {
    ...spec,
    ...(spec.sizingPolicies && { sizingPolicies: spec.sizingPolicies.map(policyFromStorage) }),
  } as VirtualMachineClassV1alpha2['spec']
  return { ...object, apiVersion: `${GROUP}/v1alpha2`, spec: served }
}
