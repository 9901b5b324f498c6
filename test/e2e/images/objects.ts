// Objects of the tests, as a client would write them.

import { getCondition } from '../../../lib/conditions.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { VirtualDisk, VirtualImage } from '../../../schemas/index.ts'
import { NAMESPACE } from './agent.ts'

const API = 'virtualization.deckhouse.io/v1alpha2'

export const image = (name: string, url: string, http: object = {}) => ({
  apiVersion: API,
  kind: 'VirtualImage',
  metadata: { name, namespace: NAMESPACE },
  spec: { storage: 'ContainerRegistry', dataSource: { type: 'HTTP', http: { url, ...http } } },
})

export const clusterImage = (name: string, url: string) => ({
  apiVersion: API,
  kind: 'ClusterVirtualImage',
  metadata: { name },
  spec: { dataSource: { type: 'HTTP', http: { url } } },
})

export const disk = (name: string, spec: object) => ({
  apiVersion: API,
  kind: 'VirtualDisk',
  metadata: { name, namespace: NAMESPACE },
  spec,
})

export const fromImage = (name: string, kind = 'VirtualImage') => ({
  dataSource: { type: 'ObjectRef', objectRef: { kind, name } },
})

export const vm = (name: string, devices: readonly object[]) => ({
  apiVersion: API,
  kind: 'VirtualMachine',
  metadata: { name, namespace: NAMESPACE },
  spec: {
    virtualMachineClassName: 'generic',
    runPolicy: 'AlwaysOff',
    cpu: { cores: 1 },
    memory: { size: '128Mi' },
    blockDeviceRefs: devices,
  },
})

export const phaseIs =
  (phase: string) =>
  (object: KubeObject): boolean =>
    (object as VirtualImage | VirtualDisk).status?.phase === phase

export const condition = (object: KubeObject, type: string) =>
  getCondition((object as VirtualImage | VirtualDisk).status?.conditions, type)
