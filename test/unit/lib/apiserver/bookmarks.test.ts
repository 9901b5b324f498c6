// Bookmarks in time, and the end of the log, without sockets.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type Store, StoreError } from '../../../../lib/store/store.ts'
import { startServer, type TestServer, WIDGETS, widget } from './server.ts'

let api: TestServer
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await api.stop()
})

it('sends one each 30 seconds, with the newest revision that is safe to resume from', async () => {
  api = await startServer()
  const { resourceVersion } = (await api.call('GET', WIDGETS)).body.metadata
  const watching = api.call(
    'GET',
    `${WIDGETS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=2&resourceVersion=${resourceVersion}`,
  )
  const quiet = api.call('GET', `${WIDGETS}?watch=1&timeoutSeconds=2&resourceVersion=${resourceVersion}`)
  await new Promise((resolve) => setTimeout(resolve, 200))
  await api.call('POST', '/api/v1/namespaces/default/notes', { metadata: { name: 'unrelated' } })
  const unrelated = String(api.store.revision())
  await vi.advanceTimersByTimeAsync(30_000)
  await api.call('POST', WIDGETS, widget('a'))
  const last = String(api.store.revision())
  await new Promise((resolve) => setTimeout(resolve, 200))
  await vi.advanceTimersByTimeAsync(30_000)
  const events = (await watching).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events.map((event) => [event.type, event.object.metadata.resourceVersion])).toEqual([
    ['BOOKMARK', unrelated],
    ['ADDED', last],
    ['BOOKMARK', last],
  ])
  expect((await quiet).text).not.toContain('BOOKMARK')
})

/** A store whose log ends while someone watches. */
const forgetful = (store: Store): Store => ({
  id: store.id,
  revision: () => store.revision(),
  compacted: () => store.compacted(),
  get: (key) => store.get(key),
  list: (resource, options) => store.list(resource, options),
  transact: (ops) => store.transact(ops),
  create: (key, value) => store.create(key, value),
  update: (key, value, expect) => store.update(key, value, expect),
  delete: (key, expect) => store.delete(key, expect),
  trouble: () => store.trouble(),
  onTrouble: (listener) => store.onTrouble(listener),
  subscribe: (listener) => store.subscribe(listener),
  close: () => store.close(),
  watch: async function* () {
    yield* []
    throw new StoreError('expired', 'the log does not reach back to there')
  },
})

it('ends a watch that the log no longer carries with 410', async () => {
  api = await startServer({ wrapStore: forgetful })
  await api.call('POST', WIDGETS, widget('a'))
  const reply = await api.call('GET', `${WIDGETS}?watch=1&timeoutSeconds=2`)
  const [added, error] = reply.text.split('\n').map((line) => (line === '' ? null : JSON.parse(line)))
  expect(added.type).toBe('ADDED')
  expect(error).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
})
