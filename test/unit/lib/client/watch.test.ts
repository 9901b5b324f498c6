// Watches over a server that breaks off, is away, forgets, or refuses.
import { expect, it } from 'vitest'
import { UnreachableError } from '../../../../lib/client/errors.ts'
import type { Ask, Transport } from '../../../../lib/client/transport.ts'
import { follow, watchAfter } from '../../../../lib/client/watch.ts'
import { ApiError } from '../../../../lib/errors.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

type Step = unknown[] | Error

const object = (name: string, version: string) => ({ metadata: { name, resourceVersion: version } })
const event = (type: string, name: string, version: string) => ({ type, object: object(name, version) })
const expired = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } }

/** Answers each watch with the next step; after the last one watches stay open. */
function scripted(steps: readonly Step[]) {
  const asked: Ask[] = []
  const transport: Transport = {
    target: { label: 'test', origin: '', prefix: '', namespace: 'default' },
    bytes: async () => Buffer.alloc(0),
    json: async () => ({}),
    close: async () => undefined,
    lines: async function* (ask) {
      asked.push(ask)
      const step = steps[asked.length - 1]
      if (step === undefined)
        await new Promise((_, reject) => ask.signal?.addEventListener('abort', () => reject(ask.signal?.reason)))
      else if (step instanceof Error) throw step
      else yield* step
    },
  }
  return { transport, versions: () => asked.map(({ query }) => query?.resourceVersion) }
}

/** Runs until the iterable throws; time passes by itself. */
async function drain<T>(items: AsyncIterable<T>, clock: ManualClock): Promise<{ seen: T[]; error: unknown }> {
  const seen: T[] = []
  let error: unknown
  let over = false
  const done = (async () => {
    for await (const item of items) seen.push(item)
  })()
    .catch((thrown: unknown) => {
      error = thrown
    })
    .finally(() => {
      over = true
    })
  for (let step = 0; step < 100 && !over; step++) await clock.advance(5_000)
  await done
  return { seen, error }
}

const AWAY = new UnreachableError('test', Object.assign(new Error(), { code: 'ECONNREFUSED' }))
const read = (value: unknown) => (value as ReturnType<typeof object>).metadata.name

it('goes on after the last version it saw, bookmarks included', async () => {
  const clock = new ManualClock()
  const { transport, versions } = scripted([
    [event('ADDED', 'a', '5'), { type: 'BOOKMARK', object: object('', '9') }],
    AWAY,
    [event('DELETED', 'a', '12')],
    new ApiError('Forbidden', 'no more'),
  ])
  const { seen, error } = await drain(watchAfter(transport, '3', { path: '/x', read, clock }), clock)
  expect(seen).toEqual([
    { type: 'ADDED', object: 'a' },
    { type: 'DELETED', object: 'a' },
  ])
  expect(versions()).toEqual(['3', '9', '9', '12'])
  expect(error).toMatchObject({ reason: 'Forbidden' })
})

it('gives up when the server stays away for longer than the patience', async () => {
  const clock = new ManualClock()
  const { transport, versions } = scripted(Array.from({ length: 50 }, () => AWAY))
  const { error } = await drain(watchAfter(transport, '1', { path: '/x', read, clock, patienceMs: 20_000 }), clock)
  expect(error).toBe(AWAY)
  expect(versions().length).toBeGreaterThan(5)
  expect(versions().length).toBeLessThan(15)
})

it('lists again when the server no longer has the changes in between', async () => {
  const clock = new ManualClock()
  const { transport, versions } = scripted([
    [event('MODIFIED', 'a', '4'), expired],
    [event('ADDED', 'c', '21')],
    new ApiError('Forbidden', 'end'),
  ])
  const lists = [
    { items: ['a'], resourceVersion: '3' },
    { items: ['a', 'b'], resourceVersion: '20' },
  ]
  const list = async () => lists.shift() ?? { items: [], resourceVersion: '0' }
  const { seen } = await drain(follow(transport, list, { path: '/x', read, clock }), clock)
  expect(seen).toEqual([
    { type: 'sync', items: ['a'] },
    { type: 'put', object: 'a' },
    { type: 'sync', items: ['a', 'b'] },
    { type: 'put', object: 'c' },
  ])
  expect(versions()).toEqual(['3', '20', '21'])
})

it('ends with the reason of its signal', async () => {
  const clock = new ManualClock()
  const stop = new AbortController()
  const { transport } = scripted([])
  setTimeout(() => stop.abort(new Error('enough')), 10)
  const watching = (async () => {
    for await (const _ of watchAfter(transport, '1', { path: '/x', read, clock, signal: stop.signal }));
  })()
  await expect(watching).rejects.toThrow('enough')
})
