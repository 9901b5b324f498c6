// The machine that the tests of streams open streams into.
import type { KubeObject } from '../../../../lib/object.ts'

export const machineIn = (phase: string): KubeObject => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualMachine',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'u1',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  status: { phase },
})
