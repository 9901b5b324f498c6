// Lists in pages and watches while others write: each list is one state, each watch goes on from one without a gap, or says 410.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { ManualClock } from '../../../support/manual-clock.ts'
import { type Lines, lines } from './live.ts'
import { startServer, type TestOptions, type TestServer, WIDGETS, widget } from './server.ts'

interface Item {
  readonly metadata: { readonly name: string; readonly resourceVersion: string }
  readonly spec: { readonly size: number }
}

let api: TestServer
let ends: (() => unknown)[] = []
const start = async (options: TestOptions = {}): Promise<void> => {
  api = await startServer(options)
  ends.push(() => api.stop())
}
afterEach(async () => {
  for (const end of ends.reverse()) await end()
  ends = []
})

const merge = { 'content-type': 'application/merge-patch+json' }
const create = (name: string) => api.call('POST', WIDGETS, widget(name))
const resize = (name: string, size: number) => api.call('PATCH', `${WIDGETS}/${name}`, { spec: { size } }, merge)
const text = ({ metadata, spec }: Item) => `${metadata.name} ${spec.size} ${metadata.resourceVersion}`
const page = async (token = '', limit = 3) =>
  (await api.call('GET', `${WIDGETS}?limit=${limit}&continue=${encodeURIComponent(token)}`)).body

/** One change of each kind, to names that come before and after every place in the list. */
async function stir(round: number): Promise<void> {
  await Promise.all([
    create(`a-new-${round}`),
    create(`z-new-${round}`),
    resize(`w${String(round % 10)}`, 50 + round),
    resize('w9', 20 + round),
    api.call('DELETE', `${WIDGETS}/gone-${round}`),
  ])
}

it('gives pages of the state at the first one, whatever is written between them', async () => {
  await start()
  for (let index = 0; index < 10; index++) await create(`w${index}`)
  for (let index = 0; index < 5; index++) await create(`gone-${index}`)
  const whole = (await api.call('GET', WIDGETS)).body
  const items: Item[] = []
  let token = ''
  for (let round = 0; token !== '' || round === 0; round++) {
    const { items: some, metadata } = await page(token)
    expect(metadata.resourceVersion).toBe(whole.metadata.resourceVersion)
    expect(metadata.remainingItemCount ?? 0).toBe(whole.items.length - items.length - some.length)
    items.push(...some)
    token = metadata.continue ?? ''
    await stir(round)
  }
  expect(items.map(text)).toEqual(whole.items.map(text))
})

it('continues with another page size, and from the same token twice', async () => {
  await start()
  for (let index = 0; index < 7; index++) await create(`w${index}`)
  const { metadata } = await page()
  const names = async (limit: number) =>
    (await page(metadata.continue, limit)).items.map((item: Item) => item.metadata.name)
  expect(await names(2)).toEqual(['w3', 'w4'])
  await stir(0)
  expect(await names(2)).toEqual(['w3', 'w4'])
  expect(await names(0)).toEqual(['w3', 'w4', 'w5', 'w6'])
})

it('says 410 for a page and for a watch whose state is forgotten, and a new list goes on', async () => {
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'))
  await start({ log: { clock, limits: { maxAgeMs: 1_000, maxRecords: 100_000 } } })
  for (let index = 0; index < 7; index++) await create(`w${index}`)
  const first = await page()
  await clock.advance(20_000)
  await stir(0)
  await clock.advance(20_000)
  const next = await api.call('GET', `${WIDGETS}?limit=3&continue=${encodeURIComponent(first.metadata.continue)}`)
  expect([next.code, next.body.reason]).toEqual([410, 'Expired'])
  const watch = await api.call(
    'GET',
    `${WIDGETS}?watch=1&timeoutSeconds=5&resourceVersion=${first.metadata.resourceVersion}`,
  )
  expect(JSON.parse(watch.text.split('\n')[0] ?? '')).toMatchObject({ type: 'ERROR', object: { code: 410 } })
  const again = (await api.call('GET', WIDGETS)).body
  expect(again.items.map((item: Item) => item.metadata.name)).toContain('z-new-0')
})

it('shows in a watch from a list exactly what changed since, while many write', async () => {
  await start()
  const folder = await mkdtemp(join(tmpdir(), 'berth-writes-'))
  ends.push(() => rm(folder, { recursive: true, force: true }))
  const where = { socketPath: join(folder, 'api.sock') }
  await api.server.listen({ unix: { path: where.socketPath } })
  for (let index = 0; index < 10; index++) await create(`w${index}`)
  for (let index = 0; index < 20; index++) await create(`gone-${index}`)
  const writing = Array.from({ length: 20 }, (_, round) => stir(round))
  const { items, metadata } = (await api.call('GET', WIDGETS)).body
  const stream: Lines = await lines(where, `${WIDGETS}?watch=true&resourceVersion=${metadata.resourceVersion}`)
  ends.push(() => stream.stop())
  await Promise.all(writing)
  await create('last')
  const state = new Map<string, string>(items.map((item: Item) => [item.metadata.name, text(item)]))
  let newest = BigInt(metadata.resourceVersion)
  for (;;) {
    const { type, object } = await stream.next()
    expect(BigInt(object.metadata.resourceVersion)).toBeGreaterThan(newest)
    newest = BigInt(object.metadata.resourceVersion)
    expect(state.has(object.metadata.name)).toBe(type !== 'ADDED')
    if (type === 'DELETED') state.delete(object.metadata.name)
    else state.set(object.metadata.name, text(object))
    if (object.metadata.name === 'last') break
  }
  const end = (await api.call('GET', WIDGETS)).body
  expect([...state.values()].sort()).toEqual(end.items.map(text).sort())
})
