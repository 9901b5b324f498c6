import { describe, expect, it } from 'vitest'
import { progressOf, timesOf, verdict, watched, watchFrom } from '../../../../agent/migration/progress.ts'

const GIB = 1_073_741_824

describe('progress', () => {
  it.each([
    ['nothing is known yet', {}, 10],
    ['half of the first pass', { data_total: 100n, data_remaining: 50n, memory_iteration: 1n }, 28],
    ['half of a later pass', { data_total: 100n, data_remaining: 50n, memory_iteration: 3n }, 68],
    ['all', { data_total: 100n, data_remaining: 0n, memory_iteration: 3n }, 90],
    ['more left than there is', { data_total: 100n, data_remaining: 200n, memory_iteration: 3n }, 45],
  ] as const)('%s', (_title, stats, percent) => {
    expect(progressOf(stats).percent).toBe(percent)
  })

  it('never goes back', () => {
    const first = progressOf({ data_total: 100n, data_remaining: 10n, memory_iteration: 3n })
    expect(progressOf({ data_total: 100n, data_remaining: 90n, memory_iteration: 4n }, first)).toMatchObject({
      percent: first.percent,
      remainingBytes: 90,
      iteration: 4,
    })
  })

  it('adds the target’s time to what the source knew when it asked, and tells nothing that it did not know', () => {
    expect(timesOf({ pausedMs: 41.7, sinceMs: 1300 }, 8.4)).toEqual({ downtimeMs: 50, totalMs: 1308 })
    expect(timesOf({ sinceMs: 1300 }, 8)).toEqual({ totalMs: 1308 })
    expect(timesOf({}, 8)).toEqual({})
  })
})

describe('a transfer is given up', () => {
  const options = { completionTimeoutSecondsPerGiB: 10, progressTimeoutSeconds: 5 }
  const reason = (elapsedMs: number, stillMs: number, throttlePercent = 0, bytes = GIB) => {
    const at = 1_000
    let watch = watchFrom(at)
    watch = watched(watch, { remainingBytes: 500 }, at + elapsedMs - stillMs)
    watch = watched(watch, { remainingBytes: 600 }, at + elapsedMs)
    return verdict(watch, { throttlePercent }, options, bytes, at + elapsedMs)?.reason ?? null
  }

  it.each([
    ['not while less and less is left', 9_000, 0, 0, GIB, null],
    ['after so many seconds per GiB', 10_001, 0, 0, GIB, 'CompletionTimeout'],
    ['later with more to send', 10_001, 0, 0, 2 * GIB, null],
    ['not earlier with less to send', 9_000, 0, 0, 1, null],
    ['when it makes no way', 9_000, 5_001, 0, GIB, 'ProgressTimeout'],
  ] as const)('%s', (_title, elapsed, still, throttle, bytes, expected) => {
    expect(reason(elapsed, still, throttle, bytes)).toBe(expected)
  })

  it('when the guest is slowed down as far as it goes, after 10 s without a better minimum', () => {
    const watch = watched(watchFrom(0), { remainingBytes: 1 }, 0)
    expect(verdict(watch, { throttlePercent: 99 }, {}, GIB, 9_000)).toBeNull()
    expect(verdict(watch, { throttlePercent: 99 }, {}, GIB, 10_001)?.reason).toBe('NotConverging')
    expect(verdict(watch, { throttlePercent: 98 }, {}, GIB, 10_001)).toBeNull()
  })
})
