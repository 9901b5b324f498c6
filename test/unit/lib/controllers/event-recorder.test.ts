import { expect, test } from 'vitest'
import { EventRecorder } from '../../../../lib/controllers/event-recorder.ts'
import { defineEvents } from '../../../../lib/controllers/event-text.ts'
import { messageOf } from '../../../../lib/errors.ts'
import { RateLimit } from '../../../../lib/rate-limit.ts'
import type { Event } from '../../../../schemas/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { scratch } from '../../../support/scratch.ts'
import { NODES, openWorld, secret, type World } from './world.ts'

const SAID = defineEvents({
  Started: { type: 'Normal', about: 'Secret', means: 'It runs.' },
  NoKvm: { type: 'Warning', about: 'Node', means: 'It is slow.' },
})
const STARTED = SAID.text('Started', 'The guest is running.')

async function setup(options: { readonly ttlMs?: number; readonly maxEvents?: number; readonly dir?: string } = {}) {
  const clock = new ManualClock()
  const { dir, ...limits } = options
  const world = await openWorld(dir, clock)
  const recorder = new EventRecorder({ ...world, component: 'berth-agent', instance: 'host-1', ...limits })
  /** Events are gathered for 50 ms. */
  const flushed = () => clock.advance(50)
  return { world, clock, recorder, flushed }
}

const eventsOf = ({ reader }: World) => reader.list<Event>('events')

test('an event says what happened to which object, when, and who saw it', async () => {
  const { world, recorder, flushed } = await setup()
  const object = await secret(world, 'web')
  recorder.record(object, STARTED)
  await flushed()
  expect(eventsOf(world)).toMatchObject([
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: 'work', name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
      involvedObject: {
        apiVersion: 'v1',
        kind: 'Secret',
        namespace: 'work',
        name: 'web',
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
      },
      ...STARTED,
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      source: { component: 'berth-agent', host: 'host-1' },
      reportingComponent: 'berth-agent',
      reportingInstance: 'host-1',
    },
  ])
})

test('who must not go on before what was recorded is stored can wait for it', async () => {
  const { world, clock, recorder } = await setup()
  const object = await secret(world, 'web')
  const { signal } = new AbortController()
  await recorder.stored(signal)
  recorder.record(object, STARTED)
  let isOver = false
  const stored = recorder.stored(signal).then(() => {
    isOver = true
    return eventsOf(world).length
  })
  await clock.advance(49)
  expect(isOver).toBe(false)
  await clock.advance(1)
  expect(await stored).toBe(1)
})

test('who waits for that does so for 10 s at most, and no longer than it wants to', async () => {
  const { world, clock } = await setup()
  const resources = { create: () => new Promise(() => undefined) } as never
  const recorder = new EventRecorder({ ...world, resources, component: 'berth-agent', instance: 'host-1' })
  recorder.record(await secret(world, 'web'), STARTED)
  const gone = new AbortController()
  const waits = [new AbortController(), gone].map(({ signal }) =>
    recorder.stored(signal).then(
      () => 'stored',
      (error: unknown) => messageOf(error),
    ),
  )
  gone.abort(new Error('the agent stops'))
  expect(await waits[1]).toBe('the agent stops')
  await clock.advance(9_999)
  expect(await Promise.race([waits[0], 'waits'])).toBe('waits')
  await clock.advance(1)
  expect(await waits[0]).toMatch(/not stored .* within 10 s/)
  await expect(recorder.stored(gone.signal)).rejects.toThrow('the agent stops')
})

test('the same text counts up one event, at once, later and after a restart; another text is another event', async () => {
  const dir = scratch()
  const { world, clock, recorder, flushed } = await setup({ dir })
  const object = await secret(world, 'web')
  recorder.record(object, STARTED)
  recorder.record(object, STARTED)
  await flushed()
  await clock.advance(5_000)
  recorder.record(object, STARTED)
  recorder.record(object, { ...STARTED, message: 'Another.' })
  recorder.record(await secret(world, 'other'), STARTED)
  await flushed()
  const counts = eventsOf(world).map(({ involvedObject, message, count }) => [involvedObject.name, message, count])
  expect(counts.sort()).toEqual([
    ['other', STARTED.message, 1],
    ['web', 'Another.', 1],
    ['web', STARTED.message, 3],
  ])
  const repeated = eventsOf(world).find(({ count }) => count === 3)
  expect([repeated?.firstTimestamp, repeated?.lastTimestamp]).toEqual(['2026-01-01T00:00:00Z', '2026-01-01T00:00:05Z'])
  await world.end()

  const again = await setup({ dir })
  again.recorder.record(object, STARTED)
  await again.flushed()
  expect(
    eventsOf(again.world)
      .map(({ count }) => count)
      .sort(),
  ).toEqual([1, 1, 4])
})

test('the event of an object without a namespace is in default', async () => {
  const { world, recorder, flushed } = await setup()
  const node = await world.resources.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-1' } })
  recorder.record(node, SAID.text('NoKvm', 'KVM is slower than emulation.'))
  await flushed()
  const [event] = eventsOf(world)
  expect([event?.metadata.namespace, event?.involvedObject.namespace]).toEqual(['default', undefined])
})

test('long names and messages are cut to what the API takes', async () => {
  const { world, recorder, flushed } = await setup()
  const object = await secret(world, `${'a'.repeat(230)}.${'b'.repeat(20)}`)
  recorder.record(object, { ...STARTED, message: 'm'.repeat(5_000) })
  await flushed()
  const [event] = eventsOf(world)
  expect(event?.message).toMatch(/^m{1023}…$/)
  expect(event?.metadata.name).toMatch(/^a{230}\.b{5}\.[0-9a-f]{16}$/)
})

test('recording never fails its caller, whatever the store says', async () => {
  const { world, recorder, flushed } = await setup()
  const object = await secret(world, 'web')
  await world.resources.delete('namespaces', { namespace: '', name: 'work' })
  recorder.record(object, STARTED)
  await flushed()
  await world.store.close()
  recorder.record(object, SAID.text('NoKvm', 'Other.'))
  await flushed()
  await recorder.stop()
  recorder.record(object, STARTED)
})

test('one object cannot flood: 25 events at once, then one each half minute', async () => {
  const { world, clock, recorder, flushed } = await setup()
  const noisy = await secret(world, 'noisy')
  for (let n = 0; n < 100; n++) recorder.record(noisy, { ...STARTED, message: `Try ${n}.` })
  recorder.record(await secret(world, 'quiet'), STARTED)
  await flushed()
  expect(eventsOf(world)).toHaveLength(26)
  await clock.advance(30_000)
  for (let n = 0; n < 5; n++) recorder.record(noisy, { ...STARTED, message: `Later try ${n}.` })
  await flushed()
  expect(eventsOf(world)).toHaveLength(27)
})

test('the limit remembers a bounded number of objects', () => {
  const limit = new RateLimit({ clock: new ManualClock(), burst: 25, refillMs: 30_000 })
  for (let n = 0; n < 30; n++) limit.take('noisy')
  expect(limit.take('noisy')).toBe(false)
  for (let n = 0; n < 4_096; n++) limit.take(`other-${n}`)
  expect(limit.take('noisy')).toBe(true)
})

test('events that were not repeated for an hour are deleted, a repeated one stays', async () => {
  const { world, clock, recorder, flushed } = await setup()
  const object = await secret(world, 'web')
  recorder.start()
  recorder.record(object, STARTED)
  recorder.record(object, SAID.text('NoKvm', 'Once.'))
  await flushed()
  await clock.advance(50 * 60_000)
  recorder.record(object, STARTED)
  await flushed()
  await clock.advance(12 * 60_000)
  expect(eventsOf(world).map(({ reason, count }) => [reason, count])).toEqual([['Started', 2]])
  await clock.advance(60 * 60_000)
  expect(eventsOf(world)).toEqual([])
  await recorder.stop()
})

test('of too many events the oldest go, in batches', async () => {
  const { world, clock, recorder, flushed } = await setup({ maxEvents: 40 })
  for (let n = 0; n < 290; n++) {
    if (n === 250) await clock.advance(10_000)
    recorder.record({ ...(await secret(world, `s${n}`)) }, STARTED)
  }
  await flushed()
  expect(eventsOf(world)).toHaveLength(290)
  recorder.start()
  await clock.advance(1_000)
  const left = eventsOf(world).map(({ involvedObject }) => Number(involvedObject.name?.slice(1)))
  expect(left.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => 250 + n))
  await recorder.stop()
})

test('stop writes what waits', async () => {
  const { world, recorder } = await setup()
  recorder.record(await secret(world, 'web'), STARTED)
  recorder.start()
  await recorder.stop()
  expect(eventsOf(world)).toHaveLength(1)
})
