// Informers and watches of @kubernetes/client-node: they see every change once and in order, over restarts of the server and lost history.
import {
  CoreV1Api,
  CustomObjectsApi,
  type Informer,
  type KubernetesListObject,
  makeInformer,
  Watch,
} from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { waitFor } from '../../support/wait.ts'
import { DISKS, DISKS_PATH, type Disk, disk, startWorld, type World } from './setup.ts'

let world: World
let custom: CustomObjectsApi
beforeAll(async () => {
  world = await startWorld()
  custom = world.config.makeApiClient(CustomObjectsApi)
})
afterAll(() => world.api.stop())

const create = (name: string, labels: Record<string, string> = {}) =>
  custom.createNamespacedCustomObject({ ...DISKS, body: disk(name, '1Gi', labels) })
const remove = (name: string) => custom.deleteNamespacedCustomObject({ ...DISKS, name })
const resize = (name: string, value: string) => {
  const path = '/spec/persistentVolumeClaim/size'
  return custom.patchNamespacedCustomObject({ ...DISKS, name, body: [{ op: 'replace', path, value }] })
}

/** An informer that goes on after errors, as the client's documentation has it; `held` is what its events come to. */
async function inform(labelSelector?: string) {
  const selector = labelSelector === undefined ? {} : { labelSelector }
  const list = (): Promise<KubernetesListObject<Disk>> => custom.listNamespacedCustomObject({ ...DISKS, ...selector })
  const informer = makeInformer<Disk>(world.config, DISKS_PATH, list, labelSelector)
  const seen: string[] = []
  const held = new Map<string, string>()
  let stopped = false
  for (const verb of ['add', 'update', 'delete'] as const)
    informer.on(verb, ({ metadata, spec }) => {
      const [name, { size }] = [metadata?.name ?? '', spec.persistentVolumeClaim]
      seen.push(`${verb} ${name} ${size}`)
      if (verb === 'delete') held.delete(name)
      else held.set(name, size)
    })
  informer.on('error', () => {
    if (!stopped) setTimeout(() => void informer.start(), 50)
  })
  await informer.start()
  const stop = () => {
    stopped = true
    return informer.stop()
  }
  return { seen, held, names: () => [...held.keys()].sort(), stop }
}

const until = (what: string, look: () => boolean, describe: () => string) => waitFor(what, 20, look, describe)

it('shows what is there and each change once', async () => {
  await create('a')
  const one = await inform()
  await create('b')
  await resize('a', '2Gi')
  await remove('b')
  const wanted = ['add a 1Gi', 'add b 1Gi', 'update a 2Gi', 'delete b 1Gi']
  await until(
    'every change',
    () => one.seen.length >= wanted.length,
    () => one.seen.join(),
  )
  expect(one.seen).toEqual(wanted)
  await one.stop()
})

it('follows a selector', async () => {
  const one = await inform('tier=x')
  await create('s1', { tier: 'x' })
  await create('s2', { tier: 'y' })
  await until(
    's1',
    () => one.seen.length === 1,
    () => one.seen.join(),
  )
  const body = [{ op: 'replace', path: '/metadata/labels/tier', value: 'y' }]
  await custom.patchNamespacedCustomObject({ ...DISKS, name: 's1', body })
  await until(
    's1 gone from it',
    () => one.seen.length === 2,
    () => one.seen.join(),
  )
  expect(one.seen).toEqual(['add s1 1Gi', 'delete s1 1Gi'])
  await one.stop()
})

it('goes on after a restart of the server, without a change lost or shown twice', async () => {
  const one = await inform()
  const before = [...one.seen]
  await world.api.restart()
  await create('r1')
  await until(
    'r1',
    () => one.seen.includes('add r1 1Gi'),
    () => one.seen.join(),
  )
  await resize('r1', '7Gi')
  await until(
    'r1 resized',
    () => one.seen.includes('update r1 7Gi'),
    () => one.seen.join(),
  )
  expect(one.seen).toEqual([...before, 'add r1 1Gi', 'update r1 7Gi'])
  await one.stop()
})

it('lists anew when its history is gone', async () => {
  const one = await inform()
  const before = one.names()
  await world.api.restart({ forget: true })
  await remove('r1')
  await create('f1')
  await until(
    'f1',
    () => one.seen.includes('add f1 1Gi') && one.seen.includes('delete r1 7Gi'),
    () => one.seen.join(),
  )
  expect(one.names()).toEqual([...before.filter((name) => name !== 'r1'), 'f1'].sort())
  await one.stop()
})

it('ends at the true state after many writers and restarts', { timeout: 120_000 }, async () => {
  const one = await inform('load=yes')
  const names = Array.from({ length: 40 }, (_, index) => `load-${index}`)
  const keep = async (write: () => Promise<unknown>) => {
    await waitFor('a write', 30, () =>
      write().then(
        () => true,
        (error: { code?: number }) => error.code === 409 || error.code === 404,
      ),
    )
  }
  const writers = names.map(async (name, index) => {
    await keep(() => create(name, { load: 'yes' }))
    for (const size of ['2Gi', '3Gi']) await keep(() => resize(name, size))
    if (index % 2 === 0) await keep(() => remove(name))
  })
  await world.api.restart()
  await world.api.restart({ forget: true })
  await Promise.all(writers)
  const left = names.filter((_, index) => index % 2 === 1).sort()
  await until(
    'the final state',
    () => one.names().join() === left.join(),
    () => one.names().join(),
  )
  expect(new Set(one.held.values())).toEqual(new Set(['3Gi']))
  await one.stop()
})

it('informs about core kinds', async () => {
  const core = world.config.makeApiClient(CoreV1Api)
  const seen: string[] = []
  const informer: Informer<{ metadata?: { name?: string } }> = makeInformer(world.config, '/api/v1/namespaces', () =>
    core.listNamespace(),
  )
  informer.on('add', ({ metadata }) => void seen.push(metadata?.name ?? ''))
  await informer.start()
  await core.createNamespace({ body: { metadata: { name: 'late' } } })
  await until(
    'late',
    () => seen.includes('late'),
    () => seen.join(),
  )
  expect(seen).toEqual(['default', 'late'])
  await informer.stop()
})

/** A watch by hand: its events, and what it ended with. */
async function watch(path: string, query: Record<string, string | number | boolean>) {
  const events: { type: string; object: Disk }[] = []
  let end: { error: { statusCode?: number } | null } | null = null
  const request = await new Watch(world.config).watch(
    path,
    query,
    (type: string, object: Disk) => void events.push({ type, object }),
    (error: { statusCode?: number } | null) => {
      end = { error }
    },
  )
  return { events, ended: () => end, stop: () => request.abort() }
}

it('ends a watch after timeoutSeconds', async () => {
  const started = performance.now()
  const one = await watch(DISKS_PATH, { timeoutSeconds: 1 })
  await until(
    'the end',
    () => one.ended() !== null,
    () => '',
  )
  expect(one.ended()).toEqual({ error: null })
  expect(performance.now() - started).toBeGreaterThan(900)
  expect(one.events.map(({ type }) => type)).toContain('ADDED')
})

it('streams the state and a bookmark when asked', async () => {
  const one = await watch(DISKS_PATH, {
    sendInitialEvents: true,
    allowWatchBookmarks: true,
    resourceVersionMatch: 'NotOlderThan',
    timeoutSeconds: 30,
  })
  await until(
    'a bookmark',
    () => one.events.some(({ type }) => type === 'BOOKMARK'),
    () => '',
  )
  const bookmark = one.events.find(({ type }) => type === 'BOOKMARK')
  expect(bookmark?.object.metadata?.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
  one.stop()
})

it('is told 410 for what is gone or never was', async () => {
  const future = await watch(DISKS_PATH, { resourceVersion: '999999999999999999' })
  await until(
    'the end',
    () => future.ended() !== null,
    () => '',
  )
  expect(future.ended()?.error?.statusCode).toBe(410)
  const past = await watch(DISKS_PATH, { resourceVersion: '1' })
  await until(
    'the end',
    () => past.ended() !== null,
    () => '',
  )
  expect(past.events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }])
})
