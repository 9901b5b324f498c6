import { beforeEach, describe, expect, it } from 'vitest'
import { ASK_AGAIN_MS, type Claim, compareClaims, StartTurns } from '../../../agent/start-turns.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const claim = (vm: string, over: Partial<Claim> = {}): Claim => ({
  vm,
  priority: 0,
  created: 0,
  afterBoot: false,
  ...over,
})

let clock: ManualClock
let woken: string[]
let turns: StartTurns

beforeEach(() => {
  clock = new ManualClock()
  woken = []
  turns = new StartTurns({ clock, parallel: 2, settleMs: 5_000, onTurn: (uid) => woken.push(uid) })
})

describe('turns to start', () => {
  it('are given to nobody before everybody was heard, then to the most important', () => {
    expect(turns.ask('a', claim('a'))).toBe(0)
    expect(turns.ask('b', claim('b', { priority: 10 }))).toBe(0)
    expect(turns.ask('c', claim('c', { priority: 5 }))).toBe(1)
    turns.open()
    expect(woken).toEqual(['b', 'c'])
    expect(turns.ask('a', claim('a'))).toBe(2)
    expect([turns.ask('c', claim('c', { priority: 5 })), turns.ask('b', claim('b', { priority: 10 }))]).toEqual([
      null,
      null,
    ])
    expect(turns.ask('a', claim('a'))).toBe(2)
    expect(turns.waiting).toBe(1)
  })

  it('go on to the next when one runs, could not start, or does not want to any more', () => {
    turns.open()
    for (const uid of ['a', 'b']) expect(turns.ask(uid, claim(uid))).toBeNull()
    for (const uid of ['c', 'd', 'e']) expect(turns.ask(uid, claim(uid))).not.toBeNull()
    turns.started('a')
    expect(woken).toEqual(['c'])
    turns.release('c')
    expect(woken).toEqual(['c', 'd'])
    expect(turns.ask('d', claim('d'))).toBeNull()
    turns.release('b')
    expect(woken.at(-1)).toBe('e')
  })

  it('are kept for a while after the start when the host was restarted', async () => {
    turns.open()
    for (const uid of ['a', 'b']) expect(turns.ask(uid, claim(uid, { afterBoot: true }))).toBeNull()
    expect(turns.ask('c', claim('c', { afterBoot: true }))).toBe(2)
    turns.started('a')
    turns.started('a')
    await clock.advance(4_999)
    expect(woken).toEqual([])
    await clock.advance(1)
    expect(woken).toEqual(['c'])
    expect(turns.ask('c', claim('c', { afterBoot: true }))).toBeNull()
  })

  it('are held once, however often one asks', () => {
    turns.open()
    expect([turns.ask('a', claim('a')), turns.ask('a', claim('a')), turns.ask('b', claim('b'))]).toEqual([
      null,
      null,
      null,
    ])
    expect(turns.ask('c', claim('c'))).toBe(2)
  })

  it('of one that asks no more stand in nobody’s way', async () => {
    turns.open()
    for (const uid of ['a', 'b']) turns.ask(uid, claim(uid))
    expect(turns.ask('gone', claim('gone', { priority: 9 }))).toBe(2)
    await clock.advance(3 * ASK_AGAIN_MS + 1)
    expect(turns.ask('c', claim('c'))).toBe(2)
    turns.release('a')
    expect(woken.at(-1)).toBe('c')
  })
})

it('the order is priority, then what people start, then age, then name', () => {
  const sorted = [
    claim('d', { created: 2 }),
    claim('c', { created: 1 }),
    claim('b', { created: 1 }),
    claim('boots', { afterBoot: true }),
    claim('first', { priority: 1, afterBoot: true, created: 9 }),
    claim('last', { priority: -1 }),
  ].sort(compareClaims)
  expect(sorted.map(({ vm }) => vm)).toEqual(['first', 'b', 'c', 'd', 'boots', 'last'])
})
