// What all streams of virtual machines have in common in the API.

/** DVP's group of subresources. */
export const SUBRESOURCES = {
  group: 'subresources.virtualization.deckhouse.io',
  version: 'v1alpha2',
  plural: 'virtualmachines',
} as const

/** Raw bytes in binary messages; asked for by DVP's clients and by KubeVirt's. */
export const PROTOCOLS: readonly string[] = ['plain.virtualization.deckhouse.io', 'plain.kubevirt.io']
