// Where a machine that runs can go, by the placement core. The reader is a fake that knows the machine alone.
import { expect, it } from 'vitest'
import type { Reader } from '../../../../lib/reconcile/reader.ts'
import { Targets } from '../../../../scheduler/placement/targets.ts'
import type { VirtualMachine } from '../../../../schemas/index.ts'
import { clusterOf, host } from '../../lib/placement/world.ts'

const VM = {
  kind: 'VirtualMachine',
  metadata: { namespace: 'ns', name: 'web', uid: 'web-uid', generation: 1 },
  spec: { virtualMachineClassName: 'generic', cpu: { cores: 1 }, memory: { size: '1Gi' } },
  status: { berth: { placement: { node: 'h1', epoch: 1, since: 'then' } } },
} as unknown as VirtualMachine

const targets = new Targets({
  reader: { get: () => null, list: () => [], byIndex: () => [] } as unknown as Reader,
  state: { cluster: clusterOf([host('h1'), host('h2')]) },
  priorityOf: () => ({ priority: 0, preempts: true }),
  outdated: () => null,
})

it('a host that has something of the machine still is no target, and the reason says so', () => {
  expect(targets.targetOf(VM, {})).toEqual({ node: 'h2' })
  expect(targets.targetOf(VM, { leaving: new Set(['h2']) })).toEqual({
    node: null,
    message: '0/2 nodes: 1 still letting it go, 1 where it is now',
  })
})
