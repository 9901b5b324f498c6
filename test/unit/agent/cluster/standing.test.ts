// Whether a machine may be started, as far as its scheduler has a say: a table of words, leases and copies of the database.
import { expect, it } from 'vitest'
import { RestoredMemory } from '../../../../agent/cluster/restored.ts'
import { leaseRefusal, requireStart, standingOf, startRefusal } from '../../../../agent/cluster/standing.ts'
import type { KubeObject } from '../../../../lib/object.ts'
import type { Reader } from '../../../../lib/reconcile/reader.ts'
import { BOUND, type HostBinding, type VirtualMachine } from '../../../../schemas/index.ts'
import { aBinding } from '../../../support/bindings.ts'
import { aVm, VM_UID } from '../../../support/objects.ts'
import { scratch } from '../../../support/scratch.ts'

const taken = { phase: 'Accepted', epoch: 1 } as const
const moving = (side: 'Source' | 'Target', id = 'move'): Partial<HostBinding['spec']> => ({
  migration: { id, side, peer: { node: 'h2', url: 'https://h2:8750' }, epoch: 2, options: {} },
})
const at = (phase: string, id = 'move', reason?: string) =>
  ({ ...taken, migration: { id, phase, reason } }) as HostBinding['status'] & object
const broken = at('Committed', 'move', 'PostCopyFailed')
const givenUp = { migration: { ...moving('Target').migration, resolution: 'KeepTarget' } } as Partial<
  HostBinding['spec']
>

it.each([
  ['owned and taken', aBinding({}, [], taken), null],
  ['owned, and something of it is refused since', aBinding({}, [], { phase: 'Pending', epoch: 1 }), null],
  ['owned and not taken yet', aBinding({}, [], { phase: 'Pending', epoch: 0 }), /is being taken/],
  ['owned by an epoch that is not taken yet', aBinding({ epoch: 2 }, [], taken), /epoch 2 .* is being taken/],
  ['released', aBinding({ role: 'Released' }, [], taken), /has taken it from this host/],
  ['a target', aBinding({ role: 'Target' }, [], taken), /target of its move/],
  ['moving away, about to begin', aBinding(moving('Source'), [], taken), /moving to h2 \(about to begin\)/],
  ['moving away', aBinding(moving('Source'), [], at('Transferring')), /moving to h2 \(Transferring\)/],
  ['moved away', aBinding(moving('Source'), [], at('Cleaned')), /moving to h2/],
  ['not moved after all', aBinding(moving('Source'), [], at('Failed')), null],
  ['not moved at another time', aBinding(moving('Source'), [], at('Failed', 'earlier')), /about to begin/],
  ['coming', aBinding(moving('Target'), [], at('Finishing')), /moving here from h2/],
  ['come', aBinding(moving('Target'), [], at('Committed')), null],
  ['broken on its way', aBinding(moving('Target'), [], broken), /broke on its way from h2.* when that host has ended/],
  ['broken on its way, its source given up', aBinding(givenUp, [], broken), null],
  ['broken on its way, its source over', aBinding({}, [], broken), null],
])('%s', (_, binding, words) => {
  const refusal = startRefusal(binding)
  if (words === null) expect(refusal).toBeNull()
  else expect(refusal).toMatch(words)
})

const lease = (state: 'none' | 'held' | 'lost', confirmed = true) => ({
  state: { state, until: 0, message: 'no route to host' },
  confirmed: () => confirmed,
})
const off = { enabled: false, covers: () => false, promised: false }
const armed = { ...off, enabled: true, covers: () => true }
const asleep = { ...off, enabled: true }
const promised = { ...armed, promised: true }

it.each([
  ['of the ordinary kind, without a lease', {}, lease('lost'), asleep, false, null],
  [
    'that may be failed over, without a lease',
    { failover: true },
    lease('lost'),
    off,
    false,
    /may be failed over.*no route/,
  ],
  [
    'that may be failed over, not confirmed',
    { failover: true },
    lease('held', false),
    off,
    false,
    /still here by epoch 1/,
  ],
  ['that may be failed over, confirmed', { failover: true }, lease('held'), off, false, null],
  ['that may be failed over, the fencer asleep', { failover: true }, lease('held'), asleep, false, /the fencer/],
  ['that may be failed over, the fencer at work', { failover: true }, lease('held'), armed, false, null],
  [
    'that was for failover, which the scheduler may count on',
    {},
    lease('held', false),
    promised,
    false,
    /may be elsewhere/,
  ],
  ['that was for failover, confirmed', {}, lease('held'), promised, false, null],
  ['in an older database, without a lease', {}, lease('none'), off, true, /database is an older copy/],
  ['in an older database, confirmed', {}, lease('held'), asleep, true, null],
])('a machine %s', (_, spec, itsLease, fencing, suspect, words) => {
  const refusal = leaseRefusal(aBinding(spec), itsLease, {
    fencing,
    promised: { has: () => fencing.promised },
    restored: { suspect },
  })
  if (words === null) expect(refusal).toBeNull()
  else expect(refusal).toMatch(words)
})

it('a copy without its word waits; a machine of the host itself does not care', () => {
  const bindings: HostBinding[] = []
  const reader = { get: () => bindings[0] ?? null } as unknown as Reader
  let vm: KubeObject = aVm({ metadata: { annotations: { [BOUND]: VM_UID } } })
  const standing = standingOf({ reader, vmOf: () => vm as VirtualMachine, leaseRefusal: () => null })
  expect(standing.mayStart(VM_UID)).toMatch(/does not have any more/)
  expect(() => requireStart(standing, VM_UID)).toThrow(/^not started: it belongs to a scheduler/)
  // Copied by hand from a bound one.
  vm = aVm({ metadata: { annotations: { [BOUND]: 'another' } } })
  expect(standing.mayStart(VM_UID)).toBeNull()
  expect(standing.word(VM_UID)).toEqual({ released: false, epoch: 0 })
  bindings.push(aBinding({ role: 'Released', epoch: 7 }))
  expect(standing.word(VM_UID)).toEqual({ released: true, epoch: 7 })
})

it('an older copy of the database is suspected until everything in it was confirmed', async () => {
  const dir = scratch()
  expect((await RestoredMemory.open(dir, 'one')).suspect).toBe(false)
  expect((await RestoredMemory.open(dir, 'one')).suspect).toBe(false)
  const restored = await RestoredMemory.open(dir, 'two')
  expect(restored.suspect).toBe(true)
  expect((await RestoredMemory.open(dir, 'two')).suspect).toBe(true)
  await restored.settle()
  expect([restored.suspect, (await RestoredMemory.open(dir, 'two')).suspect]).toEqual([false, false])
})
