// Backups beside a writer, and their way back.
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { backupDatabase } from '../../../../../lib/store/sqlite/backup.ts'
import { openSqliteStore } from '../../../../../lib/store/sqlite/open.ts'
import { restoreDatabase } from '../../../../../lib/store/sqlite/restore.ts'
import { scratch } from '../../../../support/scratch.ts'
import { DISKS, key, object, refusal, take } from '../fixtures.ts'

const SECRETS = 'secrets'
const inSecrets = (name: string) => key(name, 'default', SECRETS)
const secret = (name: string) => ({ ...object(inSecrets(name)), data: { password: 'cGxhaW4tdGV4dA==' } })

function place() {
  const dir = scratch()
  const path = join(dir, 'berth.db')
  return { dir, path, seal: { keyFile: join(dir, 'secret.key'), fields: { [SECRETS]: ['data'] } } }
}

const openIn = async (options: Parameters<typeof openSqliteStore>[0]) => {
  const store = await openSqliteStore(options)
  onTestFinished(() => store.close())
  return store
}

test('a backup beside a writer is one moment of it, whole, sealed, for its owner only, and made once', async () => {
  const { dir, path, seal } = place()
  const store = await openIn({ path, seal })
  await store.create(inSecrets('s'), secret('s'))
  // Two objects that change together: a copy of two moments would show them different.
  for (const name of ['left', 'right']) await store.create(key(name), object(key(name), 0))
  const file = join(dir, 'backup.db')
  let stop = false
  const writing = (async () => {
    for (let n = 1; !stop; n++)
      await store.transact(
        ['left', 'right'].map((name) => ({ op: 'update', key: key(name), value: object(key(name), n) })),
      )
  })()
  const facts = await backupDatabase(path, file)
  stop = true
  await writing
  expect(facts).toMatchObject({ objects: 3, bytes: statSync(file).size })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file).includes('cGxhaW4tdGV4dA')).toBe(false)
  const copy = new Database(file, { readonly: true })
  onTestFinished(() => void copy.close())
  const specs = copy
    .prepare(`SELECT json_extract(value, '$.spec') FROM objects WHERE name IN ('left', 'right')`)
    .pluck()
    .all()
  expect(specs[0]).toBe(specs[1])
  expect(copy.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(copy.prepare('SELECT count(*) FROM changes').pluck().get()).toBe(0)
  await expect(backupDatabase(path, file)).rejects.toThrow(/is there already; give the backup a name of its own/)
  expect(readdirSync(dir).filter((name) => name.includes('.tmp'))).toEqual([])
})

test('a backup is made without a server too, and leaves the database as it is', async () => {
  const { dir, path } = place()
  const store = await openSqliteStore({ path })
  await store.create(key('a'), object(key('a')))
  await store.close()
  const before = readFileSync(path)
  await backupDatabase(path, join(dir, 'b.db'))
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('what cannot be backed up is said, and nothing is left', async () => {
  const { dir, path } = place()
  await expect(backupDatabase(path, join(dir, 'b.db'))).rejects.toThrow(/there is no database/)
  new Database(path).exec('CREATE TABLE cats (name TEXT)').close()
  await expect(backupDatabase(path, join(dir, 'b.db'))).rejects.toThrow(/is no database of Berth/)
  writeFileSync(path, 'garbage '.repeat(2_000))
  await expect(backupDatabase(path, join(dir, 'b.db'))).rejects.toMatchObject({ trouble: 'damaged' })
  await (await openSqliteStore({ path: join(dir, 'good.db') })).close()
  await expect(backupDatabase(join(dir, 'good.db'), join(dir, 'no/folder/b.db'))).rejects.toEqual(
    refusal('unavailable'),
  )
  expect(readdirSync(dir).filter((name) => name.startsWith('b.db'))).toEqual([])
})

test('a restored backup has its objects and secrets, a new id, a higher revision; the earlier database is beside it', async () => {
  const { dir, path, seal } = place()
  const file = join(dir, 'backup.db')
  const first = await openSqliteStore({ path, seal })
  await first.create(inSecrets('s'), secret('s'))
  await first.create(key('old'), object(key('old')))
  await backupDatabase(path, file)
  await first.create(key('new'), object(key('new')))
  const known = first.revision()
  await expect(restoreDatabase({ path, from: file, label: 'kept', seal })).rejects.toThrow(/in use by another process/)
  await first.close()
  const backup = readFileSync(file)

  const restored = await restoreDatabase({ path, from: file, label: 'kept', seal })
  expect(restored.kept).toBe(`${path}.kept`)
  expect(restored.revision).toBeGreaterThan(known)
  expect(readFileSync(file).equals(backup)).toBe(true)
  expect(readdirSync(dir).sort()).toEqual(
    ['backup.db', 'berth.db', 'berth.db.kept', 'berth.db.lock', 'berth.db.seen', 'secret.key'].sort(),
  )
  const second = await openIn({ path, seal })
  expect(second.id).not.toBe(first.id)
  expect(second.revision()).toBe(restored.revision)
  expect((await second.get(inSecrets('s')))?.value).toMatchObject({ data: { password: 'cGxhaW4tdGV4dA==' } })
  expect((await second.list(DISKS)).entries.map((entry) => entry.key.name)).toEqual(['old'])
  await expect(take(second, 1, { resource: DISKS, after: known })).rejects.toEqual(refusal('expired'))
  const kept = await openIn({ path: `${path}.kept`, seal })
  expect((await kept.list(DISKS)).entries.map((entry) => entry.key.name)).toEqual(['new', 'old'])
})

test('the last commits of a killed server are in the database that is kept, not in the restored one', async () => {
  const { path } = place()
  const killed = await openIn({ path })
  await killed.create(key('a'), object(key('a')))
  const second = place()
  // The files as a SIGKILL leaves them: everything is in the write-ahead log.
  for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, `${second.path}${end}`)
  const backup = place()
  await (await openSqliteStore({ path: backup.path })).close()
  await restoreDatabase({ path: second.path, from: backup.path, label: 'kept' })
  expect((await (await openIn({ path: second.path })).list(DISKS)).entries).toEqual([])
  expect((await (await openIn({ path: `${second.path}.kept` })).list(DISKS)).entries).toHaveLength(1)
})

test('a backup that is damaged, foreign, newer, empty, or of another key is refused and changes nothing', async () => {
  const { dir, path, seal } = place()
  const store = await openSqliteStore({ path, seal })
  await store.create(key('a'), object(key('a'), 'x'.repeat(20_000)))
  await store.close()
  const file = join(dir, 'backup.db')
  await backupDatabase(path, file)
  const good = readFileSync(file)
  const before = readFileSync(path)
  const restoring = () => restoreDatabase({ path, from: file, label: 'kept', seal })

  const damaged = Buffer.from(good)
  damaged.fill(0xa5, good.length - 4_096)
  writeFileSync(file, damaged)
  await expect(restoring()).rejects.toMatchObject({ trouble: 'damaged' })
  writeFileSync(file, good.subarray(0, good.length - 4_096))
  await expect(restoring()).rejects.toMatchObject({ trouble: 'damaged' })
  writeFileSync(file, 'no database '.repeat(1_000))
  await expect(restoring()).rejects.toMatchObject({ trouble: 'damaged' })
  writeFileSync(file, '')
  await expect(restoring()).rejects.toThrow(/is no backup/)
  rmSync(file)
  await expect(restoring()).rejects.toThrow(/is no backup/)
  new Database(file).exec('CREATE TABLE cats (name TEXT)').close()
  await expect(restoring()).rejects.toThrow(/is no database of Berth/)
  writeFileSync(file, good)
  new Database(file).exec('PRAGMA user_version = 99').close()
  await expect(restoring()).rejects.toThrow(/written by a newer version/)

  writeFileSync(file, good)
  const rightKey = readFileSync(seal.keyFile)
  writeFileSync(seal.keyFile, Buffer.alloc(32, 7))
  await expect(restoring()).rejects.toThrow(/is not the one that this database's secrets were sealed with/)
  rmSync(seal.keyFile)
  await expect(restoring()).rejects.toThrow(/is missing/)
  expect(existsSync(seal.keyFile)).toBe(false)

  writeFileSync(seal.keyFile, rightKey, { mode: 0o600 })
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(readdirSync(dir).filter((name) => name.includes('restoring') || name.includes('kept'))).toEqual([])
  await restoring()
})

test('a damaged database makes way for a backup and is kept with its log', async () => {
  const { dir, path } = place()
  await (await openSqliteStore({ path })).close()
  const file = join(dir, 'backup.db')
  await backupDatabase(path, file)
  writeFileSync(path, 'garbage '.repeat(1_000))
  writeFileSync(`${path}-wal`, 'more garbage')
  const { kept } = await restoreDatabase({ path, from: file, label: 'kept' })
  expect(readFileSync(kept ?? '', 'utf8')).toMatch(/^garbage/)
  expect((await openIn({ path })).trouble()).toBeNull()
})
