import { expect, test } from 'vitest'
import { silentLog } from '../../../../lib/reconcile/log.ts'
import { type LoadSample, OverloadJudge, OverloadWatch } from '../../../../lib/server/overload.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const CALM: LoadSample = { busy: 0.1, queue: '', waitMs: 0 }
const BUSY: LoadSample = { ...CALM, busy: 0.99 }
const LATE: LoadSample = { ...CALM, queue: 'virtualmachine', waitMs: 31_000 }
const BETWEEN: LoadSample = { busy: 0.9, queue: 'virtualdisk', waitMs: 20_000 }

const reasons = (samples: readonly LoadSample[]) => {
  const judge = new OverloadJudge()
  return samples.map((sample) => judge.next(sample)?.reason ?? null)
}

const times = (count: number, sample: LoadSample) => Array.from({ length: count }, () => sample)

test('three bad looks in a row are an overload, a burst is none', () => {
  expect(reasons([BUSY, BUSY, CALM, BUSY, BUSY, BETWEEN, BUSY, BUSY])).toEqual(times(8, CALM).map(() => null))
  expect(reasons(times(3, BUSY))).toEqual([null, null, 'EventLoopBusy'])
  expect(reasons(times(3, LATE))).toEqual([null, null, 'QueuesLate'])
})

test('its end is believed after six good looks; what is neither keeps it', () => {
  const after = (samples: readonly LoadSample[]) => reasons([...times(3, LATE), ...samples]).slice(3)
  expect(after(times(6, CALM)).map((reason) => reason !== null)).toEqual([true, true, true, true, true, false])
  expect(after([...times(5, CALM), BETWEEN, ...times(5, CALM)]).at(-1)).toBe('QueuesLate')
  expect(after(times(20, BETWEEN)).at(-1)).toBe('QueuesLate')
})

test('the words stay the same for as long as it lasts', () => {
  const judge = new OverloadJudge()
  const said = [...times(3, LATE), ...times(3, BUSY), LATE].map((sample) => judge.next(sample))
  expect(new Set(said.slice(2)).size).toBe(1)
  expect(said[2]?.message).toBe('work for virtualmachine waits longer than 30 s for its turn')
})

test('tells each change once, looks every ten seconds, and stops', async () => {
  const clock = new ManualClock()
  let waitMs = 40_000
  const told: (string | null)[] = []
  const watch: OverloadWatch = new OverloadWatch({
    clock,
    log: silentLog,
    queues: () => ({ queue: 'virtualmachine', waitMs }),
    onChange: () => told.push(watch.overload()?.reason ?? null),
  })
  watch.start()
  for (let look = 0; look < 5; look++) await clock.advance(10_000)
  expect(told).toEqual(['QueuesLate'])
  waitMs = 0
  // The test's own thread may be busy, so only the queue's end is certain here.
  await watch.stop()
  expect(clock.sleeping).toBe(0)
})
