import { expect, test } from 'vitest'
import { SCRAPE_DURATION, SCRAPE_ERROR } from '../../../../lib/metrics/catalogue.ts'
import { counter, gauge, histogram, sum } from '../../../../lib/metrics/define.ts'
import { type Collector, Metrics } from '../../../../lib/metrics/metrics.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const DOORS = counter('doors_total', 'Doors opened', ['colour'])
const PLAIN = counter('plain_total', 'Plain')
const WAITS = histogram('wait_seconds', 'Waits', ['queue'], [0.1, 1])
const ROOMS = gauge('rooms', 'Rooms; a \\ and a "quote"', ['name'])
const WATER = sum('water_bytes_total', 'Water')

function setup(deadlineMs?: number) {
  const clock = new ManualClock()
  const warnings: object[] = []
  const metrics = new Metrics({
    clock,
    log: { warn: (facts) => void warnings.push(facts) },
    catalogue: [DOORS, PLAIN, WAITS, ROOMS, WATER, SCRAPE_ERROR, SCRAPE_DURATION],
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  })
  return { clock, metrics, warnings }
}

const part = (name: string, collect: Collector['collect']): Collector => ({ name, collect })

test('what was counted is told in the text format of Prometheus', async () => {
  const { metrics } = setup()
  metrics.inc(DOORS, { colour: 'red' })
  metrics.inc(DOORS, { colour: 'red' }, 2)
  metrics.observe(WAITS, { queue: 'a' }, 0.5)
  const text = await metrics.scrape()
  expect(text).toContain('# HELP doors_total Doors opened\n# TYPE doors_total counter\ndoors_total{colour="red"} 3\n')
  expect(text).toContain('\nplain_total 0\n')
  expect(text).toContain('wait_seconds_bucket{le="0.1",queue="a"} 0\nwait_seconds_bucket{le="1",queue="a"} 1\n')
  expect(text).toContain('wait_seconds_sum{queue="a"} 0.5\nwait_seconds_count{queue="a"} 1\n')
  expect(text.endsWith('\n')).toBe(true)
})

test('what is asked for is asked anew at each scrape: a series goes with its thing', async () => {
  const { metrics } = setup()
  let rooms = ['kitchen', 'hall "A"\n\\']
  const forget = metrics.collect(
    part('house', (sink) => {
      for (const name of rooms) sink.add(ROOMS, { name }, 1)
      sink.add(WATER, {}, 12.5)
      sink.add(ROOMS, { name: 'unknown' }, undefined)
      sink.add(ROOMS, { name: 'none' }, Number.NaN)
    }),
  )
  const text = await metrics.scrape()
  expect(text).toContain('# HELP rooms Rooms; a \\\\ and a "quote"\n# TYPE rooms gauge\n')
  expect(text).toContain('\nrooms{name="kitchen"} 1\nrooms{name="hall \\"A\\"\\n\\\\"} 1\n#')
  expect(text).toContain('# TYPE water_bytes_total counter\nwater_bytes_total 12.5\n')
  expect(text).toContain('berth_scrape_error{collector="house"} 0')
  rooms = ['kitchen']
  expect((await metrics.scrape()).match(/^rooms/gm)).toHaveLength(1)
  forget()
  expect(await metrics.scrape()).not.toMatch(/^(rooms|water|berth_scrape_error)[ {]/m)
})

test('a part that fails or hangs is left out and named, the others are told, and the log hears of it once', async () => {
  const { metrics, clock, warnings } = setup(1_000)
  metrics.collect(part('good', (sink) => sink.add(WATER, {}, 1)))
  metrics.collect(
    part('bad', (sink) => {
      sink.add(ROOMS, { name: 'half' }, 1)
      throw new Error('no such house')
    }),
  )
  let told: AbortSignal | undefined
  metrics.collect(
    part('slow', async (_sink, signal) => {
      told = signal
      await new Promise(() => {})
    }),
  )
  for (let scrapes = 0; scrapes < 2; scrapes++) {
    const scrape = metrics.scrape()
    await clock.advance(1_000)
    const text = await scrape
    expect(text).toContain('water_bytes_total 1\n')
    expect(text).not.toContain('half')
    expect(text.match(/berth_scrape_error.*/g)?.slice(2)).toEqual([
      'berth_scrape_error{collector="good"} 0',
      'berth_scrape_error{collector="bad"} 1',
      'berth_scrape_error{collector="slow"} 1',
    ])
    expect(text).toContain('berth_scrape_duration_seconds{collector="slow"} 1\n')
  }
  expect(told?.aborted).toBe(true)
  expect(warnings).toEqual([
    { collector: 'bad', reason: 'no such house' },
    { collector: 'slow', reason: 'no answer within 1000 ms' },
  ])
})

test('scrapes at the same time share one look', async () => {
  const { metrics } = setup()
  let looks = 0
  metrics.collect(
    part('house', async () => {
      looks += 1
      await new Promise((resolve) => setImmediate(resolve))
    }),
  )
  await Promise.all([metrics.scrape(), metrics.scrape(), metrics.scrape()])
  expect(looks).toBe(1)
  await metrics.scrape()
  expect(looks).toBe(2)
})
