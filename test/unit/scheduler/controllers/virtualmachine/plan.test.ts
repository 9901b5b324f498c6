// Hosts that a machine has left are forgotten when they have let it go.
import { describe, expect, it } from 'vitest'
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
  diskElsewhere: () => null,
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

describe('a machine whose local disk is on another host', () => {
  const waiting = (berth: object = {}, phase = 'Pending') =>
    ({
      ...VM,
      status: { phase, berth: { placement: { node: 'h2', epoch: 9, since: 'then' }, epoch: 9, ...berth } },
    }) as unknown as VirtualMachine
  const facts = (over: Partial<Seen> = {}): Seen => ({
    ...seen(binding('Owner', 9, 'Accepted')),
    diskElsewhere: (node) => (node === 'h2' ? 'its disk web-root is on h1, and it goes there' : null),
    ...over,
  })

  it('leaves its own, where it cannot start', () => {
    const message = 'its disk web-root is on h1, and it goes there'
    expect(planPlace(waiting(), facts())).toEqual({ do: 'vacate', message })
  })

  it.each([
    ['it is not to run', waiting(), { wanted: false }],
    ['its host tells that it runs', waiting({}, 'Running'), {}],
    ['its host is not heard', waiting(), { inSync: () => false }],
    ['its host has not heard of it yet', waiting(), { holders: new Map() }],
    ['it is on its way', waiting({ migration: { phase: 'Transferring', epoch: 9 } }), {}],
    [
      'its disks have yet to follow it',
      waiting({ leaving: [{ node: 'h1', epoch: 8, since: 'then' }] }),
      { inSync: (node: string) => node !== 'h1' },
    ],
  ] as const)('stays while %s', (_, vm, over) => expect(planPlace(vm, facts(over)).do).toBe('nothing'))
})
