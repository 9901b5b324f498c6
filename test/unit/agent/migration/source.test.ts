// What the source does with a guest of which post-copy has sent a part: nothing can let it go on here, and only its loss may end it there.
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { MigrationReconciler } from '../../../../agent/migration/controller.ts'
import { type MoveBinding, Records } from '../../../../agent/migration/records.ts'
import { SourceMoves } from '../../../../agent/migration/source.ts'
import { toParams } from '../../../../lib/libvirt/index.ts'
import { silentLog } from '../../../../lib/reconcile/log.ts'
import type { HandoverAsk } from '../../../../schemas/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const uid = '11111111-2222-4333-8444-555555555555'
const dom = { name: 'default.web', uuid: new Uint8Array(16), id: -1 } as never
/** virDomainState and virDomainPausedReason, or virDomainRunningReason. */
const GIVEN_BACK = { state: 1, reason: 5 }
/** virDomainPausedReason: by a client. */
const BY_HAND = { state: 3, reason: 1 }
const HANDED = { state: 3, reason: 2 }
const BY_POST_COPY = { state: 3, reason: 12 }
const BROKEN = { state: 3, reason: 13 }
const OFF = { state: 5, reason: 1 }
/** virDomainShutoffReason: migrated. */
const SENT = { state: 5, reason: 4 }
/** virDomainJobOperation. */
const MIGRATION_OUT = 5
const signal = new AbortController().signal

/** `sent`: bytes that libvirt counts, look after look; none, or null: no job is under way. */
function world(state: object, sent: readonly (bigint | null)[] = []) {
  const order: string[] = []
  const asked: HandoverAsk['ask'][] = []
  const clock = new ManualClock()
  let looks = 0
  let binding = {
    metadata: { name: uid, uid: 'binding' },
    spec: {
      subject: { resource: 'virtualmachines', namespace: 'default', name: 'web', uid },
      migration: { id: 'm', side: 'Source', peer: { node: 'h2', url: 'https://h2' }, options: { postCopy: true } },
    },
    status: { migration: { id: 'm', phase: 'Finishing' } },
  } as unknown as MoveBinding
  const call = async (name: string) => {
    if (name === 'DomainGetState') return state
    order.push(name)
    if (name !== 'DomainGetJobStats') return {}
    const data = sent[Math.min(looks++, sent.length - 1)]
    return data === undefined || data === null
      ? { type: 0, params: [] }
      : { type: 2, params: toParams({ operation: MIGRATION_OUT, data_processed: data }) }
  }
  const records = new Records({
    reader: { get: () => binding, list: () => [binding] } as never,
    clock,
    resources: {
      modifyStatus: async (_: string, __: unknown, change: (status: unknown, object: unknown) => unknown) => {
        const status = change(binding.status, binding) as NonNullable<MoveBinding['status']>
        binding = { ...binding, status }
        order.push(`${status.migration?.phase} ${status.migration?.reason}`)
        return binding as never
      },
    } as never,
  })
  const moves = new SourceMoves({
    libvirt: { call } as never,
    records,
    peers: {
      ask: async (_peer, { ask }) => {
        asked.push(ask)
        return { phase: 'Failed' }
      },
    },
    clock,
    log: pino({ level: 'silent' }),
    tls: false,
    luggage: async () => ({ disks: [], bytes: 0 }),
    bandwidthMiBps: 0,
  })
  const reconciler = new MigrationReconciler({
    libvirt: { call } as never,
    records,
    source: moves,
    target: {} as never,
    limits: { maxOutgoing: 1, maxIncoming: 1 },
    clock,
    log: pino({ level: 'silent' }),
    wake: () => undefined,
    stopping: signal,
  })
  const pass = () => reconciler.reconcile(`/${uid}`, signal, { looking: () => undefined, log: silentLog })
  /** Without its looks. */
  const done = () => order.filter((name) => name !== 'DomainGetJobStats')
  return { moves, order, done, asked, clock, binding, pass }
}

describe('the target is asked by a new agent', () => {
  it.each([
    ['QEMU is gone', OFF, [], 'lost'],
    ['all was sent', HANDED, [], 'abort'],
    ['post-copy has sent all of it, and its QEMU is gone', SENT, [], 'abort'],
    ['post-copy sends', BY_POST_COPY, [1n], 'abort'],
    ['the connection is broken', BROKEN, [], 'lost'],
    ['the connection is broken, and libvirt waits for another one', BROKEN, [5n, 5n], 'lost'],
    ['libvirt lost its client, and QEMU sends on', BROKEN, [5n, 6n], 'abort'],
  ] as const)('%s', async (_title, state, sent, ask) => {
    const { moves, asked, clock, binding } = world(state, sent)
    const answer = moves.ends.askTarget(binding, dom, signal)
    await clock.advance(10_000)
    expect(await answer).toBe('Failed')
    expect(asked).toEqual([ask])
  })
})

it.each([
  ['ends a guest that is split', BY_POST_COPY],
  ['looks for no guest when post-copy has sent all of it', SENT],
  ['looks for no guest when its QEMU died in a post-copy', OFF],
])('%s before it says so: its run policy starts it anew', async (_title, state) => {
  const { moves, order, asked, binding } = world(state)
  await moves.ends.keep(
    binding,
    dom,
    { reason: 'TargetFailed', message: 'the target could not take the machine' },
    signal,
  )
  expect(order).toEqual(['DomainDestroyFlags', 'Failed PostCopyFailed'])
  expect(asked).toEqual(['abort'])
})

it('lets a guest go on that is whole', async () => {
  const { moves, done, binding } = world(HANDED)
  await moves.ends.keep(
    binding,
    dom,
    { reason: 'TargetFailed', message: 'the target could not take the machine' },
    signal,
  )
  expect(done()).toEqual(['Failed TargetFailed', 'DomainResume'])
})

it('stops a guest that QEMU lets go on while nobody knows whether the target has it, and lets it go on when the target has not', async () => {
  const { moves, done, asked, binding } = world(GIVEN_BACK)
  await moves.ends.holdBack(binding, dom, signal)
  expect(done()).toEqual(['DomainSuspend'])
  expect(asked).toEqual([])
  const held = world(BY_HAND)
  await held.moves.ends.keep(held.binding, dom, { reason: 'TargetFailed', message: 'it has not taken it' }, signal)
  expect(held.done()).toEqual(['Failed TargetFailed', 'DomainResume'])
})

it.each([
  ['that ends it when told to', [7n, 7n, null], ['DomainAbortJob', 'DomainAbortJob', 'Failed TargetFailed']],
  ['that never ends it', [7n], [...Array(30).fill('DomainAbortJob'), 'DomainDestroyFlags', 'Failed PostCopyFailed']],
])(
  'a post-copy is over only when it is over for a libvirt %s: nobody looks after the job then',
  async (_title, sent, order) => {
    const { moves, done, asked, clock, binding } = world(GIVEN_BACK, sent)
    const words = { reason: 'TargetFailed', message: 'the target could not take the machine' }
    const kept = moves.ends.keep(binding, dom, words, signal)
    await clock.advance(20_000)
    await kept
    expect(done()).toEqual(order)
    expect(asked).toEqual(['abort'])
  },
)

it('a job that libvirt does not end, though QEMU has given the guest back, is told to end for a while, and then ended with the guest', async () => {
  const { done: all, clock, pass } = world(GIVEN_BACK, [7n])
  let outcome = await pass()
  for (let passes = 0; outcome.kind !== 'done' && passes < 50; passes++) {
    await clock.advance(500)
    outcome = await pass()
  }
  const done = all()
  expect(done.slice(-2)).toEqual(['DomainDestroyFlags', 'Failed PostCopyFailed'])
  expect(done[0]).toBe('DomainSuspend')
  expect(new Set(done.slice(1, -2))).toEqual(new Set(['DomainAbortJob']))
  expect(clock.monotonic()).toBeGreaterThanOrEqual(15_000)
})
