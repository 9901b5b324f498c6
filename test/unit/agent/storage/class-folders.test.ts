import { expect, it, onTestFinished } from 'vitest'
import { ClassFolders, type FolderRoom } from '../../../../agent/storage/class-folders.ts'
import { silentLog } from '../../../../lib/reconcile/log.ts'
import { BOUND, type StorageClass, type ToldClass } from '../../../../schemas/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { metadata } from '../../schemas/samples.ts'

const GIB = 1024n ** 3n
const ROOM: FolderRoom = { freeBytes: 10n * GIB, totalBytes: 100n * GIB, mark: null }

const ofHost = (name: string, parameters: StorageClass['parameters'], bound = false): StorageClass =>
  ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: metadata(name, bound ? { annotations: { [BOUND]: 'uid' } } : {}),
    provisioner: 'berth/dir',
    ...(parameters === undefined ? {} : { parameters }),
  }) as StorageClass

async function folders(here: readonly StorageClass[], told: readonly ToldClass[] = []) {
  const clock = new ManualClock()
  const rooms = new Map<string, FolderRoom | Error | 'hangs'>()
  const looked: string[] = []
  let news = 0
  const state = { told, here }
  const subject = new ClassFolders({
    reader: { list: () => state.here as never },
    told: () => state.told,
    stateDir: '/state',
    look: async (folder, shared) => {
      looked.push(folder)
      const room = rooms.get(folder) ?? ROOM
      if (room === 'hangs') return await new Promise(() => undefined)
      if (room instanceof Error) throw room
      return { ...room, mark: shared ? (room.mark ?? 'mark') : null }
    },
    clock,
    log: silentLog,
  })
  subject.onChange(() => {
    news += 1
  })
  subject.controller.start()
  onTestFinished(async () => void (await subject.controller.stop()))
  await clock.advance(0)
  return { subject, clock, rooms, state, looked, news: () => news }
}

it('looks at the classes of the host and of its scheduler', async () => {
  const { subject } = await folders(
    [ofHost('dir', undefined), ofHost('fast', { path: '/fast' }, true)],
    [
      { name: 'fast', path: '/fast', shared: false },
      { name: 'shared', path: '/srv', shared: true },
    ],
  )
  const room = { problem: null, freeBytes: 10n * GIB, totalBytes: 100n * GIB, folder: null }
  expect(subject.found).toEqual([
    { name: 'dir', ...room },
    { name: 'fast', ...room },
    { name: 'shared', ...room, folder: 'mark' },
  ])
})

it('says that a class of the host is in the way of one of the scheduler', async () => {
  const { subject, looked } = await folders(
    [ofHost('fast', { path: '/mine' })],
    [{ name: 'fast', path: '/fast', shared: false }],
  )
  expect(subject.found?.[0]?.problem).toBe(
    'the host has a StorageClass of that name of its own, with another folder (/mine)',
  )
  expect(looked).toEqual([])
})

it('tells what is news, and not each byte', async () => {
  const { subject, clock, rooms, state, news } = await folders([ofHost('dir', undefined)])
  expect(news()).toBe(1)
  rooms.set('/state', { ...ROOM, freeBytes: ROOM.freeBytes - 1_000_000n })
  await clock.advance(35_000)
  expect(news()).toBe(1)
  rooms.set('/state', { ...ROOM, freeBytes: ROOM.freeBytes - GIB })
  await clock.advance(35_000)
  expect(news()).toBe(2)
  expect(subject.found?.[0]?.freeBytes).toBe(9n * GIB)
  state.told = [{ name: 'new', path: '/new', shared: false }]
  subject.wake()
  await clock.advance(0)
  expect(news()).toBe(3)
  rooms.set('/new', new Error('EROFS'))
  await clock.advance(35_000)
  expect(subject.found?.[1]).toMatchObject({ name: 'new', problem: "the folder /new can't hold disks: EROFS" })
})

it('waits 10 s for a folder, asks it once, and knows of it when it answers', async () => {
  const { subject, clock, rooms, looked, news } = await folders([
    ofHost('dir', undefined),
    ofHost('nfs', { path: '/nfs' }),
  ])
  rooms.set('/nfs', 'hangs')
  await clock.advance(35_000)
  await clock.advance(15_000)
  expect(subject.found).toMatchObject([
    { name: 'dir', problem: null },
    { name: 'nfs', problem: "the folder /nfs can't hold disks: it has not answered for 10 s" },
  ])
  expect(news()).toBe(2)
  await clock.advance(120_000)
  expect(looked.filter((folder) => folder === '/nfs')).toHaveLength(2)
})
