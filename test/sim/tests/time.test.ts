// Virtual time, lines and chance of the simulator: what its runs rely on.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Random } from '../../chaos/random.ts'
import { withSeed } from '../fixed.ts'
import { Network, type Party } from '../network.ts'
import { Stream } from '../stream.ts'
import { Life, MachineClock, Timeline } from '../time.ts'

const nothing = () => undefined

function world() {
  const timeline = new Timeline()
  const network = new Network(timeline, new Random(1, 'network'))
  const partyOf = (name: string) => {
    const clock = new MachineClock(timeline)
    const life = new Life(timeline, clock)
    return { name, clock, life: () => (life.alive ? life : null) } satisfies Party & { clock: MachineClock }
  }
  return { timeline, network, a: partyOf('a'), b: partyOf('b') }
}

describe('virtual time', () => {
  it('runs moments in order, and what each starts before the next', async () => {
    const timeline = new Timeline()
    const seen: string[] = []
    const note = (word: string) => seen.push(`${timeline.now} ${word}`)
    timeline.after(20, () => note('late'))
    timeline.after(
      10,
      () => void Promise.resolve().then(() => setImmediate(() => setImmediate(() => note('started by first')))),
    )
    timeline.after(10, () => note('second'))
    await timeline.runUntil(30, nothing)
    expect(seen).toEqual(['10 started by first', '10 second', '20 late'])
    expect(timeline.now).toBe(30)
  })

  it('orders many moments, and forgets what is cancelled', async () => {
    const timeline = new Timeline()
    const random = new Random(7, 'moments')
    const seen: number[] = []
    const times = Array.from({ length: 300 }, () => random.between(0, 100))
    const cancels = times.map((at) => timeline.after(at, () => seen.push(at)))
    for (const cancel of cancels.slice(0, 100)) cancel()
    await timeline.runUntil(100, nothing)
    expect(seen).toEqual(times.slice(100).toSorted((one, other) => one - other))
  })

  it('a frozen process finds at its thaw that time has passed; a dead one never wakes', async () => {
    const { timeline, a, b } = world()
    const seen: string[] = []
    const [one, other] = [a.life() as Life, b.life() as Life]
    void one.sleep(10).then(() => seen.push(`one at ${timeline.now}`))
    void other.sleep(10).then(() => seen.push('other'))
    one.freeze()
    other.end()
    await timeline.runUntil(50, nothing)
    expect(seen).toEqual([])
    one.thaw()
    await timeline.runUntil(60, nothing)
    expect(seen).toEqual(['one at 50'])
  })

  it('has clocks of machines that can be set, and time since the start that cannot', async () => {
    const { timeline, a } = world()
    await timeline.runUntil(1_000, nothing)
    const before = a.clock.wall()
    a.clock.jump(-5_000)
    expect(a.clock.wall()).toBe(before - 5_000)
    expect(a.clock.boottime()).toBe(1_000)
    a.clock.reboot()
    expect(a.clock.boottime()).toBe(0)
  })

  it('says so when somebody is busy for ever at one moment', async () => {
    const timeline = new Timeline()
    const again = () => {
      timeline.alive()
      setImmediate(again)
    }
    timeline.after(1, again)
    await expect(timeline.runUntil(2, nothing, 1_000)).rejects.toThrow('busy without end')
  })
})

describe('calls', () => {
  const call = async (break_: (w: ReturnType<typeof world>) => void) => {
    const w = world()
    break_(w)
    let done = 'nothing'
    let worked = false
    const work = () => {
      worked = true
      return 'answer'
    }
    w.network.call(w.a, w.b, work).then(
      (value) => {
        done = `${value} at ${w.timeline.now < 100 ? 'once' : w.timeline.now}`
      },
      (error) => {
        done = `${error.message} at ${w.timeline.now < 100 ? 'once' : w.timeline.now}`
      },
    )
    await w.timeline.runUntil(20_000, nothing)
    return { done, worked }
  }

  it('are answered', async () => {
    expect(await call(nothing)).toEqual({ done: 'answer at once', worked: true })
  })

  it('to nobody are refused at once', async () => {
    expect(await call(({ b }) => b.life()?.end())).toEqual({
      done: 'no connection to https://b:8750: connection refused at once',
      worked: false,
    })
  })

  it.each<[string, boolean, (w: ReturnType<typeof world>) => void]>([
    ['over a cut line', false, ({ network }) => network.cut('a', 'b')],
    ['to somebody frozen', false, ({ b }) => b.life()?.freeze()],
    ['whose answer is lost', true, ({ network }) => network.mute('b', true)],
  ])('%s end at the deadline', async (_, worked, break_) => {
    expect(await call(break_)).toEqual({ done: 'no connection to https://b:8750: no answer in time at 10000', worked })
  })
})

describe('streams', () => {
  const open = (onLost: () => void = nothing) => {
    const w = world()
    const { timeline, network } = w
    const seen: number[] = []
    const stream = new Stream({ timeline, network, sender: 'a', receiver: 'b', life: w.b.life() as Life, onLost })
    const send = (...words: number[]) => {
      for (const word of words) stream.send(() => seen.push(word))
    }
    return { ...w, seen, send, stream }
  }

  it('keep the order, and what was sent over a cut line comes at its healing', async () => {
    const { timeline, network, seen, send } = open()
    send(1, 2, 3, 4, 5)
    await timeline.runUntil(100, nothing)
    network.cut('a', 'b')
    send(6, 7)
    await timeline.runUntil(5_000, nothing)
    expect(seen).toEqual([1, 2, 3, 4, 5])
    network.heal('a', 'b')
    send(8)
    await timeline.runUntil(6_000, nothing)
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('are lost after a minute without a sign of life', async () => {
    let lost = 0
    const { timeline, network, stream } = open(() => {
      lost = timeline.now
    })
    await timeline.runUntil(1_000, nothing)
    network.cut('a', 'b')
    await timeline.runUntil(200_000, nothing)
    expect(lost).toBe(61_000)
    stream.close()
  })
})

it('chance comes from the seed, uids too, and is given back', async () => {
  const draw = (seed: number) => withSeed(seed, async () => [randomUUID(), Math.random()])
  const one = await draw(3)
  expect(await draw(3)).toEqual(one)
  expect(await draw(4)).not.toEqual(one)
  expect(one[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(randomUUID()).not.toBe(one[0])
})
