// In which order a server begins and ends. All that it consists of are fakes that note when they were asked.
import { access as find } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { BOOTSTRAPPED } from '../../../../lib/server/first-objects.ts'
import { type ServingOptions, serve } from '../../../../lib/server/serving.ts'
import { type StoreError, unavailable } from '../../../../lib/store/store.ts'
import { scratch } from '../../../support/scratch.ts'

type Trouble = StoreError | null

function world(more: Partial<ServingOptions> = {}) {
  const done: string[] = []
  const told: string[] = []
  const note = (what: string) => async () => void done.push(what)
  let trouble: (trouble: Trouble) => void = () => undefined
  let watched = true
  const controller = (name: string) => ({
    start: note(`${name} starts`),
    stop: note(`${name} stops`),
    resync: () => void told.push(`${name} looks again`),
  })
  const stateDir = scratch()
  const options = {
    config: { stateDir, listen: ['127.0.0.1:8751'], socketPath: '/s', socketGroup: 'g' },
    foundation: {
      store: {
        close: note('store'),
        onTrouble: (hears: typeof trouble) => {
          trouble = hears
          return () => {
            watched = false
          }
        },
      },
      reader: { stop: () => void done.push('cache') },
      access: {
        publish: note('kubeconfig'),
        tls: { keep: async (_: unknown, signal: AbortSignal) => signal.addEventListener('abort', note('keys')) },
      },
      audit: { close: note('audit') },
    },
    server: {
      resources: { create: note('object') },
      keepDefaultRoles: note('roles'),
      listen: note('listens'),
      close: note('closes'),
    },
    events: { start: () => void done.push('events start'), stop: note('events') },
    controllers: [controller('one'), controller('two')],
    moreControllers: () => [controller('late')],
    begin: note('begins'),
    end: note('ends'),
    endLast: note('ends last'),
    onFailed: () => void told.push('failed'),
    ...more,
  }
  return {
    done,
    told,
    stateDir,
    serve: () => serve(options as unknown as ServingOptions),
    tell: (given: Trouble) => trouble(given),
    isWatched: () => watched,
  }
}

it('has its first objects, roles and kubeconfig before anybody can ask, and listens before anything works', async () => {
  const { serve, done, stateDir } = world()
  await serve()
  expect([...new Set(done)]).toEqual([
    'object',
    'roles',
    'kubeconfig',
    'listens',
    'one starts',
    'two starts',
    'events start',
    'begins',
  ])
  await expect(find(join(stateDir, BOOTSTRAPPED))).resolves.toBeUndefined()
})

it('ends everything before what it needs, the store last', async () => {
  const { serve, done, isWatched } = world()
  const stop = await serve()
  done.length = 0
  await stop()
  expect(done).toEqual([
    'keys',
    'closes',
    'audit',
    'ends',
    'one stops',
    'two stops',
    'ends last',
    'events',
    'cache',
    'store',
  ])
  expect(isWatched()).toBe(false)
})

it('tells what it begins when the end comes, before the API closes', async () => {
  let over: AbortSignal | undefined
  const begin = (signal: AbortSignal) => {
    over = signal
  }
  const { serve } = world({ begin })
  const stop = await serve()
  expect(over?.aborted).toBe(false)
  await stop()
  expect(over?.aborted).toBe(true)
})

it('a store that writes again wakes all controllers; one that only a new process can mend ends this one', async () => {
  const { serve, told, tell } = world()
  await serve()
  tell(unavailable('damaged', 'a page is torn'))
  expect(told).toEqual([])
  tell(null)
  expect(told).toEqual(['one looks again', 'two looks again', 'late looks again'])
  tell(unavailable('unsynced', 'fsync failed'))
  expect(told.at(-1)).toBe('failed')
})

it('begins nothing when an address cannot be had', async () => {
  const busy = new Error('the address is in use')
  const server = {
    resources: { create: async () => undefined },
    keepDefaultRoles: async () => undefined,
    listen: () => Promise.reject(busy),
  }
  const { serve, done } = world({ server: server as unknown as ServingOptions['server'] })
  await expect(serve()).rejects.toBe(busy)
  expect(done).toEqual(['kubeconfig'])
})
