import { expect, it } from 'vitest'
import { Sessions, TakenOver } from '../../../../agent/streams/sessions.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const ANNA = { holder: 'anna', client: '10.0.0.1' }
const BEN = { holder: 'ben', client: 'unix' }

it('a free place has no holder; a taken one says who, from where and since when', () => {
  const sessions = new Sessions(new ManualClock())
  expect(sessions.holder('a')).toBeNull()
  const session = sessions.take('a', ANNA)
  expect(session.displaced).toBeNull()
  expect(sessions.holder('a')).toEqual({ ...ANNA, startTime: '2026-01-01T00:00:00Z' })
  expect(sessions.holder('b')).toBeNull()
})

it('the newest wins, and the one before hears who it was', () => {
  const sessions = new Sessions(new ManualClock())
  const first = sessions.take('a', ANNA)
  const second = sessions.take('a', BEN)
  expect(second.displaced).toMatchObject(ANNA)
  expect(first.signal.reason).toBeInstanceOf(TakenOver)
  expect(first.signal.reason.message).toBe('taken over by ben (unix)')
  first.release()
  expect(sessions.holder('a')).toMatchObject(BEN)
  second.release()
  expect(sessions.holder('a')).toBeNull()
})

it('a lease runs out after 30 s without a sign of life, and a take-over then displaces nobody', async () => {
  const clock = new ManualClock()
  const sessions = new Sessions(clock)
  const first = sessions.take('a', ANNA)
  await clock.advance(29_000)
  first.renew()
  await clock.advance(30_000)
  expect(sessions.holder('a')).toMatchObject(ANNA)
  await clock.advance(1)
  expect(sessions.holder('a')).toBeNull()
  expect(sessions.take('a', BEN).displaced).toBeNull()
  expect(first.signal.aborted).toBe(true)
})
