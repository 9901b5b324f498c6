// Which machines are tried in which round.
import { describe, expect, it, onTestFinished } from 'vitest'
import { Pool } from '../../../../../scheduler/controllers/virtualmachine/pool.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'

/** A pool in which nobody finds a host. */
function setup(meets: () => void = () => undefined) {
  const clock = new ManualClock()
  const rounds: string[][] = []
  const failures: unknown[] = []
  const pool = new Pool({
    clock,
    round: async (keys) => {
      rounds.push([...keys].sort())
      for (const key of keys) pool.keep(key)
      meets()
    },
    failed: (error) => void failures.push(error),
  })
  pool.start()
  onTestFinished(() => pool.stop())
  const roundsOf = async (change: () => void) => {
    rounds.length = 0
    change()
    await clock.advance(60_000)
    return [...rounds]
  }
  return { pool, clock, rounds, roundsOf, failures }
}

describe('the pool of machines that wait', () => {
  it('tries one that is new, once, and all when there is hope', async () => {
    const { pool, roundsOf } = setup()
    expect(await roundsOf(() => pool.add('a', null))).toEqual([['a']])
    expect(await roundsOf(() => pool.add('b', null))).toEqual([['b']])
    expect(await roundsOf(() => pool.hope())).toEqual([['a', 'b']])
    expect(pool.size).toBe(2)
  })

  it('offers room that came to those that are more important than a new one, though others rest after a round', async () => {
    const { pool, clock, rounds } = setup()
    for (const [key, priority] of [
      ['vital', 10],
      ['equal', 0],
    ] as const)
      pool.add(key, null, priority)
    await clock.advance(100)
    pool.hope()
    await clock.advance(100)
    rounds.length = 0
    pool.add('alone', null)
    await clock.advance(100)
    // What made room for the one that is vital is to be placed again, and there is room now.
    pool.hope()
    pool.add('batch', null)
    await clock.advance(100)
    expect(rounds).toEqual([['alone'], ['batch', 'vital']])
    await clock.advance(10_000)
    expect(rounds.slice(2)).toEqual([['alone', 'batch', 'equal', 'vital']])
  })

  it('outlives a round that fails', async () => {
    const trouble = new Error('no space is left')
    const meets = [trouble]
    const { pool, roundsOf, failures } = setup(() => {
      const failure = meets.pop()
      if (failure !== undefined) throw failure
    })
    expect(await roundsOf(() => pool.add('a', null))).toEqual([['a']])
    expect(failures).toEqual([trouble])
    expect(await roundsOf(() => pool.hope())).toEqual([['a']])
    expect(failures).toEqual([trouble])
  })

  it('tries all that wait of a group when one joins it, and nobody else', async () => {
    const { pool, roundsOf } = setup()
    await roundsOf(() => {
      pool.add('alone', null)
      pool.add('other-1', 'other')
      pool.add('job-1', 'job')
    })
    expect(await roundsOf(() => pool.add('job-2', 'job'))).toEqual([['job-1', 'job-2']])
    expect(await roundsOf(() => pool.add('job-3', 'job'))).toEqual([['job-1', 'job-2', 'job-3']])
    expect(pool.size).toBe(5)
  })

  it('tries those that are left of a group, without the one that waits no more', async () => {
    const { pool, roundsOf } = setup()
    await roundsOf(() => {
      pool.add('job-1', 'job')
      pool.add('job-2', 'job')
    })
    expect(await roundsOf(() => pool.remove('job-1'))).toEqual([['job-2']])
    expect(await roundsOf(() => pool.remove('job-1'))).toEqual([])
    expect(await roundsOf(() => pool.remove('job-2'))).toEqual([])
    expect(pool.size).toBe(0)
  })

  it('tries both groups when one goes from the one to the other', async () => {
    const { pool, roundsOf } = setup()
    await roundsOf(() => {
      for (const key of ['a-1', 'a-2']) pool.add(key, 'a')
      pool.add('b-1', 'b')
    })
    expect(await roundsOf(() => pool.add('a-2', 'b'))).toEqual([['a-1', 'a-2', 'b-1']])
    expect(await roundsOf(() => pool.add('a-1', null))).toEqual([['a-1']])
  })
})
