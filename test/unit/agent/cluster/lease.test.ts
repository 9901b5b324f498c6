// The lease on a simulated boot clock: it counts from the sending, never from the answer, and holds no longer than the scheduler thinks.
import { expect, it } from 'vitest'
import { LeaseKeeper, type LeaseState, type Renew } from '../../../../agent/cluster/lease.ts'
import type { LeaseAnswer, LeaseAsk } from '../../../../schemas/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const yes = { leaseSeconds: 15, instance: 's', term: 1 }

/** Time stands still but for `advance`; boot clock and wall clock are one here. */
async function keeper(renew: Renew, machines: LeaseAsk['machines'] = [], clock = new ManualClock()) {
  const states: LeaseState[] = []
  const asks: LeaseAsk[] = []
  const answers: LeaseAnswer[] = []
  const told: string[] = []
  const lease = new LeaseKeeper({
    clock,
    bootClock: () => clock.monotonic(),
    node: 'h1',
    bootId: () => 'boot',
    membership: () => ({
      url: 'https://s:8751',
      renew: (ask, signal) => {
        asks.push(ask)
        return renew(ask, signal)
      },
    }),
    machines: () => machines,
    evidence: () => [],
    others: () => [],
    onAsk: ({ sentAt }) => told.push(`asks ${sentAt}`),
    onAnswer: ({ sentAt }, answer) => {
      told.push(`answered ${sentAt}`)
      answers.push(answer)
    },
    prepare: async () => undefined,
    term: () => 1,
    onChange: (state) => states.push(state),
  })
  lease.start()
  await clock.advance(0)
  return { clock, lease, states, asks, answers, told }
}

it('is asked for every 5 s, and holds 15 s from the last question that was answered', async () => {
  let answers = true
  const { clock, lease, asks, states } = await keeper(async () => {
    if (!answers) throw new Error('no route to host')
    return { ...yes, confirmed: [] }
  })
  expect(lease.holds()).toBe(true)
  await clock.advance(5_000)
  expect(asks).toHaveLength(2)
  answers = false
  await clock.advance(14_999)
  expect(lease.holds()).toBe(true)
  await clock.advance(1)
  expect(lease.holds()).toBe(false)
  expect(lease.state).toMatchObject({ state: 'lost', message: 'https://s:8751: no route to host' })
  answers = true
  await clock.advance(1_000)
  expect(lease.state.state).toBe('held')
  expect(new Set(states.map(({ state }) => state))).toEqual(new Set(['held', 'lost']))
  await lease.stop()
})

it('counts from the sending: an answer that took long gives less, one that took too long gives nothing', async () => {
  let took = 4_000
  const clock = new ManualClock()
  const slow: Renew = async (_, signal) => {
    await clock.sleep(took, signal)
    return { ...yes, confirmed: ['a'] }
  }
  const { lease } = await keeper(slow, [{ uid: 'a', epoch: 3, fenced: false }], clock)
  await clock.advance(4_000)
  expect(lease.state.until).toBe(15_000)
  took = 20_000
  await clock.advance(10_999)
  expect(lease.holds()).toBe(true)
  await clock.advance(1)
  expect(lease.holds()).toBe(false)
  await clock.advance(20_000)
  expect(lease.confirmed('a', 3)).toBe(false)
  await lease.stop()
})

it('what was confirmed counts for that epoch, while the lease holds without a gap', async () => {
  let confirmed: string[] = ['a']
  let answers = true
  const { clock, lease } = await keeper(async () => {
    if (!answers) throw new Error('no')
    return { ...yes, confirmed }
  }, [{ uid: 'a', epoch: 3, fenced: false }])
  expect([lease.confirmed('a', 3), lease.confirmed('a', 2), lease.confirmed('b', 3)]).toEqual([true, false, false])
  answers = false
  await clock.advance(16_000)
  expect(lease.confirmed('a', 3)).toBe(false)
  answers = true
  confirmed = []
  await clock.advance(1_000)
  expect([lease.holds(), lease.confirmed('a', 3)]).toEqual([true, false])
  confirmed = ['a']
  lease.hurry()
  await clock.advance(0)
  expect(lease.confirmed('a', 3)).toBe(true)
  await lease.stop()
})

it('says what it asks, and that it was answered, but for a superseded scheduler', async () => {
  let term = 1
  let answers = true
  const { clock, lease, told } = await keeper(async () => {
    if (!answers) throw new Error('no')
    return { ...yes, term, confirmed: [] }
  })
  answers = false
  await clock.advance(5_000)
  answers = true
  term = 0
  await clock.advance(1_000)
  expect(told).toEqual(['asks 0', 'answered 0', 'asks 5000', 'asks 6000'])
  await lease.stop()
})

it('a superseded scheduler gives none', async () => {
  const { lease } = await keeper(async () => ({ ...yes, term: 0, confirmed: [] }))
  expect(lease.state).toMatchObject({ state: 'lost', message: expect.stringMatching(/superseded/) })
  await lease.stop()
})

it('hands on what the scheduler says beside the lease', async () => {
  const storageClasses = [{ name: 'shared', path: '/srv', shared: true }]
  const { lease, answers } = await keeper(async () => ({ ...yes, confirmed: [], storageClasses }))
  expect(answers[0]?.storageClasses).toEqual(storageClasses)
  await lease.stop()
})
