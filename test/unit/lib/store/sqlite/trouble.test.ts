// The store's bad days: full, read-only and damaged disks, older copies in the database's place.
import { copyFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { Codec } from '../../../../../lib/store/sqlite/codec.ts'
import { Health } from '../../../../../lib/store/sqlite/health.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../../../../../lib/store/sqlite/open.ts'
import { Rows } from '../../../../../lib/store/sqlite/rows.ts'
import { SharedValues } from '../../../../../lib/store/sqlite/shared-values.ts'
import { Writer } from '../../../../../lib/store/sqlite/writer.ts'
import type { StoreError } from '../../../../../lib/store/store.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { scratch } from '../../../../support/scratch.ts'
import { DISKS, key, object, refusal, take } from '../fixtures.ts'

const PAGE = 4_096

const open = async (options: SqliteStoreOptions) => {
  const store = await openSqliteStore(options)
  onTestFinished(() => store.close())
  return store
}

/** A store with `count` objects, closed: all of it is in the database file. */
async function filled(count: number, bytes = 2_000): Promise<string> {
  const path = join(scratch(), 'berth.db')
  const store = await openSqliteStore({ path })
  const names = Array.from({ length: count }, (_, n) => key(`n${n}`))
  await Promise.all(names.map((name) => store.create(name, object(name, 'x'.repeat(bytes)))))
  await store.close()
  return path
}

function overwrite(path: string, page: number, bytes: Buffer): void {
  writeSync(openSync(path, 'r+'), bytes, 0, bytes.length, page * PAGE)
}

test('while a disk is full the store says so, reads go on, and with space again it says that, asked or not', async () => {
  const path = join(scratch(), 'berth.db')
  const clock = new ManualClock()
  const store = await open({ path, clock, maxBytes: 60 * PAGE })
  await store.create(key('small'), object(key('small')))
  const heard: (string | undefined)[] = []
  store.onTrouble((trouble) => heard.push(trouble?.trouble))
  const big = object(key('big'), 'x'.repeat(900_000))
  await expect(store.create(key('big'), big)).rejects.toMatchObject({ code: 'unavailable', trouble: 'full' })
  expect(store.trouble()?.trouble).toBe('full')
  expect((await store.get(key('small')))?.value.metadata.name).toBe('small')
  expect((await store.list(DISKS)).entries).toHaveLength(1)
  // The store tries by itself; there is room for what it writes then.
  await clock.advance(1_000)
  expect(store.trouble()).toBeNull()
  expect(heard).toEqual(['full', undefined])
})

test('a write of nothing does not pass for space while there is none', async () => {
  const { writer, health } = readOnlyWriter(await filled(1))
  await expect(writer.write([{ op: 'create', key: key('a'), value: object(key('a')) }])).rejects.toMatchObject({
    trouble: 'read-only',
    message: expect.stringMatching(/cannot be written; check its owner, mode and mount/),
  })
  writer.probe()
  expect([health.trouble?.trouble, health.final]).toEqual(['read-only', false])
})

/** The writer on a connection that SQLite itself opened read-only. */
function readOnlyWriter(path: string) {
  const db = new Database(path, { readonly: true })
  onTestFinished(() => void db.close())
  db.defaultSafeIntegers()
  const rows = new Rows(db)
  const health = new Health({ warn: () => undefined, error: () => undefined })
  const codec = new Codec(undefined)
  const [values, clock, onCommit] = [new SharedValues(), new ManualClock(), () => undefined]
  return { health, writer: new Writer({ db, path, rows, codec, values, clock, health, revision: 1n, onCommit }) }
}

test('damage is named at open, wherever it is, and the file is left as it was', async () => {
  const path = await filled(200)
  const good = readFileSync(path)
  const garbage = Buffer.alloc(PAGE, 0xa5)
  const pages = good.length / PAGE
  for (const [page, bytes] of [
    [0, Buffer.from('SQLite format 4\0')],
    [0, garbage],
    [Math.floor(pages / 2), garbage],
    [pages - 1, garbage],
  ] as const) {
    writeFileSync(path, good)
    overwrite(path, page, bytes)
    const before = readFileSync(path)
    const error: StoreError = await openSqliteStore({ path }).catch((thrown) => thrown)
    expect(error, `page ${page}`).toMatchObject({
      trouble: 'damaged',
      message: expect.stringMatching(/is damaged.*backup/),
    })
    expect(error.message).toContain(path)
    expect(readFileSync(path).equals(before)).toBe(true)
  }
  writeFileSync(path, good.subarray(0, good.length / 2))
  await expect(openSqliteStore({ path })).rejects.toMatchObject({ trouble: 'damaged' })
})

test('an object that says another revision than its row, or is of the future, is damage', async () => {
  const path = await filled(3)
  const good = readFileSync(path)
  for (const sql of [
    `UPDATE objects SET value = json_set(value, '$.metadata.resourceVersion', '77') WHERE name = 'n1'`,
    `UPDATE meta SET revision = 1`,
  ]) {
    writeFileSync(path, good)
    new Database(path).exec(sql).close()
    await expect(openSqliteStore({ path })).rejects.toMatchObject({ trouble: 'damaged' })
  }
})

test('a torn write-ahead log costs what was not whole in it, and the rest opens', async () => {
  const path = join(scratch(), 'berth.db')
  const store = await open({ path })
  await store.create(key('a'), object(key('a')))
  await store.create(key('b'), object(key('b')))
  const copy = join(scratch(), 'berth.db')
  copyFileSync(path, copy)
  const wal = readFileSync(`${path}-wal`)
  writeFileSync(`${copy}-wal`, wal.subarray(0, wal.length - 100))
  const reopened = await open({ path: copy })
  expect((await reopened.list(DISKS)).entries.map(({ key: { name } }) => name)).toEqual(['a'])
})

test('damage met while running is an error in words, ends all writes for good, and leaves other reads', async () => {
  // More than SQLite keeps in memory.
  const path = await filled(400, 20_000)
  const clock = new ManualClock()
  const store = await open({ path, clock })
  const garbage = Buffer.alloc(PAGE, 0xa5)
  const pages = readFileSync(path).length / PAGE
  for (let page = Math.floor(pages / 3); page < (pages * 2) / 3; page++) overwrite(path, page, garbage)
  await expect(store.list(DISKS)).rejects.toMatchObject({ trouble: 'damaged', message: expect.stringContaining(path) })
  expect(store.trouble()?.trouble).toBe('damaged')
  await expect(store.create(key('new'), object(key('new')))).rejects.toMatchObject({ trouble: 'damaged' })
  await clock.advance(60_000)
  expect(store.trouble()?.trouble).toBe('damaged')
  expect((await store.get(key('n0')))?.value.metadata.name).toBe('n0')
})

test('an older copy in the place of the database is noticed: a new id, a higher revision, watches begin anew', async () => {
  const path = join(scratch(), 'berth.db')
  const first = await openSqliteStore({ path })
  await first.create(key('a'), object(key('a')))
  await first.close()
  copyFileSync(path, `${path}.yesterday`)
  const second = await openSqliteStore({ path })
  for (const name of ['b', 'c', 'd']) await second.create(key(name), object(key(name)))
  const known = second.revision()
  await second.close()
  expect(second.id).toBe(first.id)

  copyFileSync(`${path}.yesterday`, path)
  const third = await open({ path })
  expect(third.id).not.toBe(first.id)
  expect(third.revision()).toBeGreaterThan(known)
  expect((await third.list(DISKS)).entries.map(({ key: { name } }) => name)).toEqual(['a'])
  await expect(take(third, 1, { resource: DISKS, after: known })).rejects.toEqual(refusal('expired'))
  await third.close()
  expect((await open({ path })).id).toBe(third.id)
})

test('what the server had seen is noted while it runs, so that a killed one notices too', async () => {
  const path = join(scratch(), 'berth.db')
  const clock = new ManualClock()
  const store = await open({ path, clock })
  await store.create(key('a'), object(key('a')))
  const noted = () => (existsSync(`${path}.seen`) ? JSON.parse(readFileSync(`${path}.seen`, 'utf8')).revision : null)
  await clock.advance(15_000)
  await expect.poll(noted).toBe('1')
})

test('another database, or a lost or damaged note, does no harm', async () => {
  const path = await filled(2)
  writeFileSync(`${path}.seen`, 'not a note')
  const store = await openSqliteStore({ path })
  const { id } = store
  await store.close()
  rmSync(`${path}.seen`)
  expect((await open({ path })).id).toBe(id)
  const other = await filled(1)
  const seen = readFileSync(`${path}.seen`)
  writeFileSync(`${other}.seen`, seen)
  const strange = await open({ path: other })
  expect(strange.revision()).toBeGreaterThan(1_000_000n)
})
