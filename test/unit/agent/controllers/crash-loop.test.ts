import { expect, it } from 'vitest'
import { crashPause } from '../../../../agent/controllers/virtualmachine/crash-loop.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const pauseOf = (count: number, now = NOW, generation = 1) =>
  crashPause({ count, at: NOW, generation: 1 }, generation, now)
const secondsOf = (count: number) => ((pauseOf(count)?.until ?? NOW) - NOW) / 1000

it('the first restart is immediate, and each later one waits twice as long, five minutes at most', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1_000].map(secondsOf)).toEqual([0, 0, 5, 10, 20, 40, 80, 160, 300, 300, 300])
  expect(crashPause(undefined, 1, NOW)).toBeNull()
})

it('says which time it is and when the next start comes', () => {
  expect(pauseOf(7)?.why).toBe(
    'QEMU ended unexpectedly 7 times in a row; restarting 160 s after the last time, at 2026-01-01T00:02:40.000Z',
  )
})

it('is over in time, and at once when the spec has changed', () => {
  expect(pauseOf(2, NOW + 4_999)).not.toBeNull()
  expect(pauseOf(2, NOW + 5_000)).toBeNull()
  expect(pauseOf(9, NOW, 2)).toBeNull()
})
