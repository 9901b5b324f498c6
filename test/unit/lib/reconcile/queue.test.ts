import { expect, test } from 'vitest'
import { Backoff } from '../../../../lib/reconcile/backoff.ts'
import { KeyedQueue } from '../../../../lib/reconcile/queue.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const forever = new AbortController().signal

function setup() {
  const clock = new ManualClock()
  return { clock, queue: new KeyedQueue(clock) }
}

/** Takes whatever is ready now, without waiting. */
async function takeAll(queue: KeyedQueue): Promise<string[]> {
  const taken: string[] = []
  while (queue.depth > 0) taken.push(await queue.take(forever))
  return taken
}

test('keys come in the order in which they became ready, each once', async () => {
  const { queue } = setup()
  for (const key of ['b', 'a', 'b', 'c', 'a']) queue.add(key)
  expect(await takeAll(queue)).toEqual(['b', 'a', 'c'])
})

test('a key in work is not given out again before it is done, and once after', async () => {
  const { queue } = setup()
  queue.add('a')
  expect(await queue.take(forever)).toBe('a')
  queue.add('a')
  queue.add('a')
  queue.add('b')
  expect(await takeAll(queue)).toEqual(['b'])
  queue.done('a')
  expect(await takeAll(queue)).toEqual(['a'])
  queue.done('a')
  expect(queue.depth).toBe(0)
})

test('a busy key does not go before those that waited', async () => {
  const { queue } = setup()
  queue.add('busy')
  await queue.take(forever)
  queue.add('busy')
  queue.add('patient')
  queue.done('busy')
  expect(await takeAll(queue)).toEqual(['patient', 'busy'])
})

test('of several delays the earliest counts', async () => {
  const { clock, queue } = setup()
  queue.add('a', 500)
  queue.add('a', 100)
  queue.add('a', 300)
  expect(clock.sleeping).toBe(1)
  await clock.advance(99)
  expect(queue.depth).toBe(0)
  await clock.advance(1)
  expect(await takeAll(queue)).toEqual(['a'])
  queue.done('a')
  await clock.advance(1_000)
  expect(queue.depth).toBe(0)
})

test('without a delay a delayed key is ready at once, and its delay is over', async () => {
  const { clock, queue } = setup()
  queue.add('a', 500)
  queue.add('a')
  expect(await takeAll(queue)).toEqual(['a'])
  queue.done('a')
  expect(clock.sleeping).toBe(0)
})

test('a delay that ends while the key is in work brings it back afterwards', async () => {
  const { clock, queue } = setup()
  queue.add('a')
  await queue.take(forever)
  queue.add('a', 100)
  await clock.advance(200)
  expect(queue.depth).toBe(0)
  queue.done('a')
  expect(await takeAll(queue)).toEqual(['a'])
})

test('takers wait, are served in turn, and can give up', async () => {
  const { queue } = setup()
  const impatient = new AbortController()
  const first = queue.take(impatient.signal)
  const second = queue.take(forever)
  impatient.abort(new Error('enough'))
  await expect(first).rejects.toThrow('enough')
  await expect(queue.take(impatient.signal)).rejects.toThrow('enough')
  queue.add('a')
  expect(await second).toBe('a')
  expect(queue.depth).toBe(0)
})

test('clear forgets what waits, now or later', async () => {
  const { clock, queue } = setup()
  queue.add('in work')
  await queue.take(forever)
  queue.add('in work')
  queue.add('ready')
  queue.add('later', 100)
  queue.clear()
  queue.done('in work')
  await clock.advance(200)
  expect([queue.depth, clock.sleeping]).toEqual([0, 0])
})

test('the backoff doubles from 50 ms to 30 s, with jitter, per key, until reset', () => {
  const most = new Backoff({ random: () => 1 })
  expect(Array.from({ length: 12 }, () => most.next('a'))).toEqual([
    50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000,
  ])
  expect(most.next('b')).toBe(50)
  most.reset('a')
  expect([most.failures('a'), most.next('a')]).toEqual([0, 50])
  const least = new Backoff({ random: () => 0 })
  expect([least.next('a'), least.next('a')]).toEqual([25, 50])
})

test("one namespace's flood does not keep another's key from its turn", async () => {
  const { queue } = setup()
  for (let index = 0; index < 1_000; index++) queue.add(`flood/${index}`)
  queue.add('quiet/one')
  const taken = await takeAll(queue)
  expect(taken.indexOf('quiet/one')).toBe(1)
  expect(taken.filter((key) => key.startsWith('flood/'))).toEqual(
    Array.from({ length: 1_000 }, (_, index) => `flood/${index}`),
  )
})

test('what somebody waits for goes before routine, which gets one turn of eight', async () => {
  const { queue } = setup()
  for (let index = 0; index < 20; index++) queue.add(`x/routine-${index}`, 0, 'routine')
  for (let index = 0; index < 14; index++) queue.add(`x/wanted-${index}`)
  const taken = await takeAll(queue)
  const places = taken.flatMap((key, place) => (key.includes('routine') ? [place] : []))
  expect(places).toEqual([7, 15, ...Array.from({ length: 18 }, (_, index) => 16 + index)])
})

test('a routine key that somebody asks for becomes wanted, also while it is in work', async () => {
  const { queue } = setup()
  for (const key of ['x/a', 'x/b', 'x/c']) queue.add(key, 0, 'routine')
  queue.add('x/c')
  expect(await queue.take(forever)).toBe('x/c')
  queue.add('x/c', 0, 'routine')
  queue.add('x/c')
  queue.done('x/c')
  expect(await takeAll(queue)).toEqual(['x/c', 'x/a', 'x/b'])
})

test('the age is that of the key that waits longest, whoever goes first', async () => {
  const { clock, queue } = setup()
  queue.add('x/routine', 0, 'routine')
  await clock.advance(500)
  queue.add('x/wanted')
  await clock.advance(100)
  expect(queue.oldestMs).toBe(600)
  expect(await queue.take(forever)).toBe('x/wanted')
  expect(queue.oldestMs).toBe(600)
  await queue.take(forever)
  expect(queue.oldestMs).toBe(0)
})
