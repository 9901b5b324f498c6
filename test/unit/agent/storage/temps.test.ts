// What an agent that was killed left unfinished, in folders of its own and in those that other hosts have as well.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'
import { ContentStore } from '../../../../agent/images/content-store.ts'
import { DirDriver } from '../../../../agent/storage/dir-driver.ts'
import type { DiskRecord } from '../../../../agent/storage/disk-record.ts'
import { DiskRecords } from '../../../../agent/storage/disk-records.ts'
import { tempBeside } from '../../../../agent/storage/files.ts'
import { sweep } from '../../../../agent/storage/sweep.ts'
import { scratch } from '../../../support/scratch.ts'

const [MINE, DOOMED, OTHER] = ['1', '2', '3'].map((digit) => `11111111-2222-4333-8444-55555555555${digit}`) as [
  string,
  string,
  string,
]

it('are removed at start: all of its own folders, in shared ones those of its disks', async () => {
  const [stateDir, folder] = [scratch(), join(scratch(), 'disks')]
  mkdirSync(folder)
  const records = new DiskRecords(join(stateDir, 'disks'))
  await records.open()
  const content = new ContentStore({ dir: join(stateDir, 'images'), diskDigests: async () => records.bases() })
  await content.open()
  const disk = (uid: string): DiskRecord => ({
    ...{ uid, base: null, object: null, sizeBytes: 512n, shared: true, state: 'ready' },
    path: join(folder, `${uid}.qcow2`),
  })
  await records.put(disk(MINE))
  await records.put({ ...disk(DOOMED), state: 'making' })
  const ofOther = tempBeside(join(folder, `${OTHER}.qcow2`))
  const ofMine = [MINE, DOOMED].flatMap((uid) =>
    ['qcow2', 'json'].map((what) => tempBeside(join(folder, `${uid}.${what}`))),
  )
  const own = tempBeside(join(stateDir, 'disks', 'x.json'))
  for (const path of [ofOther, ...ofMine, own]) writeFileSync(path, 'half')
  await sweep({
    content,
    records,
    driver: new DirDriver({ content, records }),
    folders: [stateDir],
    known: new Set([MINE]),
  })
  expect(readdirSync(folder).sort()).toEqual([basename(ofOther), `${MINE}.json`].sort())
  expect(readdirSync(join(stateDir, 'disks'))).toEqual([`${MINE}.json`])
})
