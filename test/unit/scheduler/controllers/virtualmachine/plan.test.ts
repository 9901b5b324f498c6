// Hosts that a machine has left are forgotten when they have let it go.
import { expect, it } from 'vitest'
import { planPlace, type Seen } from '../../../../../scheduler/controllers/virtualmachine/plan.ts'
import type { HostBinding, VirtualMachine } from '../../../../../schemas/index.ts'

const VM = {
  metadata: { namespace: 'default', name: 'web', uid: 'u' },
  spec: {},
  status: {
    phase: 'Running',
    berth: {
      placement: { node: 'h1', epoch: 1, since: 'then' },
      leaving: [{ node: 'h2', epoch: 9, since: 'then' }],
      epoch: 9,
    },
  },
} as unknown as VirtualMachine

const binding = (role: string, epoch: number, phase: string) =>
  ({ spec: { role, epoch }, status: { phase } }) as unknown as HostBinding

const seen = (holder: HostBinding | null, inSync = true): Seen => ({
  wanted: true,
  holders: new Map(holder === null ? [] : [['h2', holder]]),
  refusals: [],
  inSync: () => inSync,
  newerDisk: () => null,
})

it.each([
  ['has let it go', seen(binding('Released', 9, 'Released')), 'drop-leaving'],
  ['has nothing of it', seen(null), 'drop-leaving'],
  ['is letting it go', seen(binding('Released', 9, 'Releasing')), 'nothing'],
  ['has it', seen(binding('Target', 9, 'Accepted')), 'nothing'],
  ['said so of an earlier stay, and has told nothing since', seen(binding('Released', 8, 'Released')), 'nothing'],
  ['is not heard', seen(binding('Released', 9, 'Released'), false), 'nothing'],
])('a host that %s', (_, facts, step) => {
  expect(planPlace(VM, facts).do).toBe(step)
})
