// Words of a scheduler to a host, as its store would hold them; each test changes what it is about.
import type { KubeObject } from '../../lib/object.ts'
import type { HostBinding, HostBindingSpec, HostBindingStatus, Ruler, VirtualMachine } from '../../schemas/index.ts'
import { aVm, VM_UID } from './objects.ts'

export const RULER: Ruler = { instance: 'first', term: 1, revision: '100' }

/** The machine as a scheduler has it: with what its last host told of it. */
export const clusterVm = (host?: object, over: Partial<VirtualMachine['spec']> = {}): VirtualMachine =>
  aVm({ spec: over, ...(host === undefined ? {} : { status: { berth: { host } } as object }) })

export function aBinding(
  spec: Partial<HostBindingSpec> = {},
  objects: readonly KubeObject[] = [aVm()],
  status?: HostBindingStatus,
): HostBinding {
  const subject = {
    resource: 'virtualmachines.virtualization.deckhouse.io',
    namespace: 'default',
    name: 'web',
    uid: VM_UID,
    ...spec.subject,
  }
  return {
    apiVersion: 'cluster.berth/v1',
    kind: 'HostBinding',
    metadata: {
      name: subject.uid,
      uid: `binding-${subject.uid}`,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { epoch: 1, role: 'Owner', ruler: RULER, ...spec, subject },
    objects,
    ...(status === undefined ? {} : { status }),
  }
}
