// Disks in a folder that several hosts have: what a host that was killed believes of them, and leaves to others.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ContentStore } from '../../../../agent/images/content-store.ts'
import { DirDriver } from '../../../../agent/storage/dir-driver.ts'
import type { DiskRecord } from '../../../../agent/storage/disk-record.ts'
import { DiskRecords } from '../../../../agent/storage/disk-records.ts'
import { sweep } from '../../../../agent/storage/sweep.ts'
import { scratch } from '../../../support/scratch.ts'

const uid = '11111111-2222-4333-8444-555555555551'
const never = new AbortController().signal

/** A host with a folder that others have. */
async function host(shared: string) {
  const stateDir = scratch()
  const records = new DiskRecords(join(stateDir, 'disks'))
  await records.open()
  const content = new ContentStore({ dir: join(stateDir, 'images'), diskDigests: async () => records.bases() })
  await content.open()
  const driver = new DirDriver({ content, records })
  const swept = () => sweep({ content, records, driver, folders: [stateDir], known: new Set() })
  return { own: join(stateDir, 'disks', `${uid}.json`), shared, records, driver, swept }
}

function folder() {
  const shared = scratch()
  const disks = join(shared, 'disks')
  mkdirSync(disks)
  const copy = join(disks, `${uid}.json`)
  const path = join(disks, `${uid}.qcow2`)
  const disk = (state: DiskRecord['state']): DiskRecord => ({
    ...{ uid, base: null, object: null, sizeBytes: 512n, shared: true, path, state },
  })
  return { shared, copy, path, disk }
}

const stateIn = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8')).state

it('are told to others before the host itself goes by it, so that a kill in between is made good', async () => {
  const { shared, copy, disk } = folder()
  const one = await host(shared)
  await one.records.put(disk('making'))
  expect([stateIn(one.own), stateIn(copy)]).toEqual(['making', 'making'])
  // Where the one file stands the other one cannot be written: as if killed there.
  const torn = await host(shared)
  mkdirSync(torn.own)
  await expect(torn.records.put(disk('ready'))).rejects.toThrow()
  expect(stateIn(copy)).toBe('ready')
})

it('are announced among its own first: what it began it finds again', async () => {
  const { shared, copy, disk } = folder()
  const one = await host(shared)
  mkdirSync(copy)
  await expect(one.records.put(disk('making'))).rejects.toThrow()
  expect(stateIn(one.own)).toBe('making')
})

it('are not made anew over what another host has made since', async () => {
  const { shared, path, disk } = folder()
  const killed = await host(shared)
  await killed.records.put(disk('making'))
  const other = await host(shared)
  await other.records.put(disk('ready'))
  writeFileSync(path, 'what its guest wrote')
  const made = await killed.driver.create(
    { uid, folder: shared, sizeBytes: 512n, base: null, shared: true, object: null },
    never,
  )
  expect(made?.state).toBe('ready')
  expect(readFileSync(path, 'utf8')).toBe('what its guest wrote')
})

it('stay for the host that has them when one that only began to make them lets go, or starts without the object', async () => {
  for (const end of ['forget', 'sweep'] as const) {
    const { shared, copy, path, disk } = folder()
    const killed = await host(shared)
    await killed.records.put(disk('making'))
    const other = await host(shared)
    await other.records.put(disk('ready'))
    writeFileSync(path, 'what its guest wrote')
    if (end === 'forget') await killed.driver.forget(uid)
    else expect((await killed.swept()).removedDisks).toEqual([])
    await killed.driver.remove(uid)
    expect([readFileSync(path, 'utf8'), stateIn(copy), killed.records.all()]).toEqual([
      'what its guest wrote',
      'ready',
      [],
    ])
  }
})
