import { expect, onTestFinished, test } from 'vitest'
import { Backoff } from '../../../../lib/reconcile/backoff.ts'
import { Controller, type ControllerOptions, type PassResult } from '../../../../lib/reconcile/controller.ts'
import { again, DONE, type Outcome, type Pass, TerminalError } from '../../../../lib/reconcile/types.ts'
import { ManualClock, settle } from '../../../support/manual-clock.ts'

interface Line {
  readonly level: string
  readonly facts: Readonly<Record<string, unknown>>
  readonly message: string
}

function setup(
  pass: (key: string, signal: AbortSignal, pass: Pass) => Promise<Outcome>,
  options: Partial<Omit<ControllerOptions, 'clock' | 'log' | 'reconciler'>> = {},
) {
  const clock = new ManualClock()
  const lines: Line[] = []
  const results: [string, PassResult['kind']][] = []
  const to = (level: string) => (facts: object, message: string) => lines.push({ level, facts: { ...facts }, message })
  const log = { debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') }
  const controller = new Controller({
    name: 'test',
    backoff: new Backoff({ random: () => 1 }),
    onOutcome: (key, { kind }) => results.push([key, kind]),
    ...options,
    clock,
    log,
    reconciler: { reconcile: pass },
  })
  onTestFinished(async () => {
    const stopping = controller.stop()
    await clock.advance(20_000)
    await stopping
  })
  return { controller, clock, lines, results }
}

/** A promise that the test settles, and its handles. */
function gate() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

test('keys added before the start are worked on after it; done is done', async () => {
  const keys: string[] = []
  const { controller, clock, results } = setup(async (key) => {
    keys.push(key)
    return DONE
  })
  controller.enqueue('a')
  controller.enqueue('b')
  await settle()
  expect(keys).toEqual([])
  controller.start()
  await clock.advance(60_000)
  expect(keys).toEqual(['a', 'b'])
  expect(results).toEqual([
    ['a', 'done'],
    ['b', 'done'],
  ])
  expect(() => controller.start()).toThrow('started already')
})

test('one pass at a time per key, several keys in parallel up to the limit', async () => {
  const inWork: string[] = []
  const gates = new Map<string, ReturnType<typeof gate>>()
  let most = 0
  const { controller } = setup(
    async (key) => {
      expect(inWork).not.toContain(key)
      inWork.push(key)
      most = Math.max(most, inWork.length)
      const closed = gate()
      gates.set(key, closed)
      await closed.opened
      inWork.splice(inWork.indexOf(key), 1)
      return DONE
    },
    { concurrency: 2 },
  )
  controller.start()
  for (const key of ['a', 'b', 'c']) controller.enqueue(key)
  await settle()
  controller.enqueue('a')
  await settle()
  expect([inWork, controller.depth]).toEqual([['a', 'b'], 1])
  gates.get('a')?.open()
  await settle()
  expect(inWork).toEqual(['b', 'c'])
  gates.get('b')?.open()
  await settle()
  expect(inWork).toEqual(['c', 'a'])
  for (const { open } of gates.values()) open()
  await settle()
  expect([inWork, most]).toEqual([[], 2])
})

test('again comes back after its time, and says why', async () => {
  let passes = 0
  const { controller, clock, lines } = setup(async () => (++passes < 3 ? again(2_000, 'guest is shutting down') : DONE))
  controller.start()
  controller.enqueue('a')
  await clock.advance(1_999)
  expect(passes).toBe(1)
  await clock.advance(1)
  expect(passes).toBe(2)
  await clock.advance(60_000)
  expect(passes).toBe(3)
  expect(lines[0]).toMatchObject({ level: 'debug', facts: { key: 'a', afterMs: 2_000, why: 'guest is shutting down' } })
  expect(controller.counts()).toEqual({ done: 1, again: 2, error: 0, terminal: 0, stopped: 0 })
})

test('a fault is retried with growing waits, which a success resets', async () => {
  const times: number[] = []
  let fails = 4
  const { controller, clock, lines } = setup(async () => {
    times.push(clock.monotonic())
    if (fails-- > 0) throw new Error('libvirt is away')
    return DONE
  })
  controller.start()
  controller.enqueue('a')
  await clock.advance(10_000)
  expect(times).toEqual([0, 50, 150, 350, 750])
  expect(lines[0]).toMatchObject({
    level: 'warn',
    message: 'pass failed: libvirt is away',
    facts: {
      controller: 'test',
      key: 'a',
      failures: 1,
      retryInMs: 50,
      reconcileId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    },
  })
  fails = 1
  controller.enqueue('a')
  await clock.advance(10_000)
  expect(times.slice(5)).toEqual([10_000, 10_050])
})

test('what is thrown without a promise is a fault like any other', async () => {
  let passes = 0
  const { controller, clock, results } = setup(() => {
    if (++passes === 1) throw new TypeError('undefined is not a disk')
    return Promise.resolve(DONE)
  })
  controller.start()
  controller.enqueue('a')
  await clock.advance(1_000)
  expect(results).toEqual([
    ['a', 'error'],
    ['a', 'done'],
  ])
})

test('one failing key does not hold up the others', async () => {
  const { controller, clock, results } = setup(async (key) => {
    if (key === 'bad') throw new Error('no')
    return DONE
  })
  controller.start()
  for (const key of ['bad', 'good']) controller.enqueue(key)
  await clock.advance(10)
  expect(results).toEqual([
    ['bad', 'error'],
    ['good', 'done'],
  ])
})

test('a terminal fault is not retried before the key is asked for again', async () => {
  const { controller, clock, results } = setup(async () => {
    throw new TerminalError('cores: 0 is not a number of cores')
  })
  controller.start()
  controller.enqueue('a')
  await clock.advance(120_000)
  expect(results).toEqual([['a', 'terminal']])
  controller.enqueue('a')
  await clock.advance(10)
  expect(controller.counts().terminal).toBe(2)
})

test('a pass that takes too long is aborted, and its key stays taken until it ends', async () => {
  const ends = gate()
  let passes = 0
  const { controller, clock, lines, results } = setup(
    async (_, signal) => {
      if (++passes > 1) return DONE
      await ends.opened
      signal.throwIfAborted()
      return DONE
    },
    { passTimeoutMs: 1_000, concurrency: 2 },
  )
  controller.start()
  controller.enqueue('a')
  await clock.advance(1_500)
  expect(lines).toMatchObject([{ level: 'warn', message: 'a pass takes too long and is aborted' }])
  controller.enqueue('a')
  await clock.advance(1_000)
  expect(passes).toBe(1)
  ends.open()
  await clock.advance(1_000)
  expect(results).toEqual([
    ['a', 'error'],
    ['a', 'done'],
  ])
  expect(lines[1]?.message).toBe('pass failed: the pass took longer than 1000 ms')
})

test('every key at start, once in each period after, spread over it, and when asked', async () => {
  const keys: string[] = []
  let names = ['x/a', 'x/b', 'x/c']
  const { controller, clock } = setup(
    async (key) => {
      keys.push(key)
      return DONE
    },
    { keys: () => names, resyncMs: 60_000 },
  )
  controller.start()
  await clock.advance(19_999)
  expect(keys.splice(0)).toEqual(['x/a', 'x/b', 'x/c'])
  await clock.advance(1)
  expect(keys.splice(0)).toEqual(['x/a'])
  await clock.advance(20_000)
  expect(keys.splice(0)).toEqual(['x/b'])
  // What came meanwhile is looked at in the next period.
  names = ['x/d']
  await clock.advance(20_000)
  expect(keys.splice(0)).toEqual(['x/c'])
  await clock.advance(60_000)
  expect(keys.splice(0)).toEqual(['x/d'])
  controller.resync()
  await settle()
  expect(keys).toEqual(['x/d'])
})

test('hundreds of keys are looked at a few at a time', async () => {
  const names = Array.from({ length: 900 }, (_, index) => `x/${index}`)
  let passes = 0
  const { controller, clock } = setup(
    async () => {
      passes += 1
      return DONE
    },
    { keys: () => names, concurrency: 4 },
  )
  controller.start()
  // Others have their turns between the passes.
  for (let turn = 0; passes < 900; turn++) {
    expect(passes).toBeLessThanOrEqual((turn + 1) * 4)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (let second = 0; second < 600; second += 2) {
    const before = passes
    await clock.advance(2_000)
    expect(passes - before).toBeLessThanOrEqual(3)
  }
  expect(passes).toBe(1_800)
})

test('stop aborts running passes, waits for them, and drops the rest', async () => {
  const keys: string[] = []
  const { controller, clock, results } = setup(async (key, signal) => {
    keys.push(key)
    await clock.sleep(60_000, signal)
    return DONE
  })
  controller.start()
  for (const key of ['a', 'b']) controller.enqueue(key)
  await settle()
  expect(await controller.stop()).toBe(true)
  controller.enqueue('c')
  await clock.advance(120_000)
  expect([keys, results]).toEqual([['a'], [['a', 'stopped']]])
  expect(clock.sleeping).toBe(0)
})

test('stop gives up on a pass that does not listen, and says so', async () => {
  const never = gate()
  const { controller, clock, lines } = setup(async () => {
    await never.opened
    return DONE
  })
  controller.start()
  controller.enqueue('a')
  await settle()
  const stopping = controller.stop(3_000)
  await clock.advance(3_000)
  expect(await stopping).toBe(false)
  expect(lines.at(-1)).toMatchObject({
    level: 'error',
    message: 'passes did not end when told to',
    facts: { passes: 1 },
  })
  never.open()
})

test('what a reconciler logs has the id of its pass, also when that has ended, and each pass has its own', async () => {
  const later: Pass[] = []
  const { controller, clock, lines } = setup(async (key, _signal, pass) => {
    later.push(pass)
    pass.log.info({ step: 'one' }, `works on ${key}`)
    return DONE
  })
  controller.start()
  for (const key of ['a', 'b']) controller.enqueue(key)
  await clock.advance(1)
  later[0]?.log.warn({}, 'goes on')
  const ids = lines.map(({ facts }) => facts.reconcileId)
  const [first, , second] = ids
  expect(lines.map(({ level, message }) => [level, message])).toEqual([
    ['info', 'works on a'],
    ['debug', 'pass ended'],
    ['info', 'works on b'],
    ['debug', 'pass ended'],
    ['warn', 'goes on'],
  ])
  expect(ids).toEqual([first, first, second, second, first])
  expect(first).not.toBe(second)
  expect(lines[0]?.facts).toEqual({ controller: 'test', key: 'a', reconcileId: first, step: 'one' })
})

test('an observer hears of each pass, and sees what waits and what runs', async () => {
  const passed: unknown[] = []
  const first = gate()
  const observer = {
    started: () => passed.push('started'),
    stopped: () => passed.push('stopped'),
    passed: (_controller: Controller, result: string, ms: number) => passed.push([result, ms]),
  }
  const { controller, clock } = setup(
    async (key) => {
      if (key === 'a') await first.opened
      return again(1_000_000, 'later')
    },
    { observer },
  )
  controller.start()
  for (const key of ['a', 'b']) controller.enqueue(key)
  await clock.advance(3_000)
  expect([controller.depth, controller.oldestMs, controller.running]).toEqual([
    1,
    3_000,
    { passes: 1, oldestMs: 3_000 },
  ])
  first.open()
  await clock.advance(1)
  expect([controller.depth, controller.oldestMs, controller.running]).toEqual([0, 0, { passes: 0, oldestMs: 0 }])
  await controller.stop()
  expect(passed).toEqual(['started', ['again', 3_000], ['again', 0], 'stopped'])
})
