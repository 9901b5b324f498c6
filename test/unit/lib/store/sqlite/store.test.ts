import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { openSqliteStore, type SqliteStoreOptions } from '../../../../../lib/store/sqlite/open.ts'
import type { Change } from '../../../../../lib/store/store.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { scratch } from '../../../../support/scratch.ts'
import { storeContract } from '../contract.ts'
import { DISKS, key, object, refusal, take } from '../fixtures.ts'

storeContract('sqlite', async () => {
  const clock = new ManualClock()
  const limits = { maxAgeMs: 600_000, maxRecords: 100_000 }
  const store = await openSqliteStore({ path: join(scratch(), 'berth.db'), clock, limits })
  return { store, forget: () => clock.advance(700_000) }
})

const open = async (options: SqliteStoreOptions) => {
  const store = await openSqliteStore(options)
  onTestFinished(() => store.close())
  return store
}

/** All bytes that are on disk in the folder. */
const bytesIn = (dir: string) => Buffer.concat(readdirSync(dir).map((name) => readFileSync(join(dir, name))))

const SECRETS = 'secrets'
const PLAIN = 'correct-horse-battery-staple'
const secret = (name: string, plain: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    ...object(key(name)).metadata,
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `{"data":{"password":"${plain}"}}` },
    labels: { visible: 'label-in-the-clear' },
    managedFields: [{ manager: 'm', operation: 'Update', apiVersion: 'v1', fields: '{"f:data":{"f:password":{}}}' }],
  },
  type: 'Opaque',
  data: { password: plain },
})
const inSecrets = (name: string) => key(name, 'default', SECRETS)

test('objects, the revision and the identity outlive a close', async () => {
  const path = join(scratch(), 'deep', 'er', 'berth.db')
  const first = await open({ path })
  const made = await first.create(key('a'), object(key('a'), 1))
  await first.close()
  const second = await open({ path })
  expect(second.id).toBe(first.id)
  expect(second.revision()).toBe(made.revision)
  expect(await second.get(key('a'))).toEqual(made)
  const changes = await take(second, 1, { resource: DISKS, after: made.revision - 1n })
  expect(changes).toEqual([{ type: 'put', entry: made, previous: null }])
})

test('the database is readable by its owner only', async () => {
  const dir = scratch()
  const store = await open({ path: join(dir, 'berth.db') })
  await store.create(key('a'), object(key('a')))
  for (const name of ['berth.db', 'berth.db-wal']) expect(statSync(join(dir, name)).mode & 0o077).toBe(0)
})

test('a second process on the same database is refused with words', async () => {
  const path = join(scratch(), 'berth.db')
  const store = await open({ path })
  await store.create(key('a'), object(key('a')))
  await expect(openSqliteStore({ path })).rejects.toThrow(/in use by another process; stop that one first/)
  const other = `import { openSqliteStore } from '${join(import.meta.dirname, '../../../../../lib/store/sqlite/open.ts')}'
    await openSqliteStore({ path: process.argv[1] }).then(() => console.log('opened'), (error) => console.log(error.code, error.message))`
  const said = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', other, path], {
    encoding: 'utf8',
  })
  expect(said).toMatch(/^unavailable .* is in use by another process/)
  expect(await store.get(key('a'))).not.toBeNull()
})

test('writes of one turn share a commit, and are readable by another connection when they are acknowledged', async () => {
  const path = join(scratch(), 'berth.db')
  const store = await open({ path })
  const batches: (readonly Change[])[] = []
  store.subscribe((changes) => batches.push(changes))
  await Promise.all(Array.from({ length: 50 }, (_, n) => store.create(key(`n${n}`), object(key(`n${n}`)))))
  expect(batches.map(({ length }) => length)).toEqual([50])
  const other = new Database(path, { readonly: true })
  expect(other.prepare('SELECT count(*) FROM objects').pluck().get()).toBe(50)
  other.close()
})

test('a burst is committed in several steps, in order', async () => {
  const store = await open({ path: join(scratch(), 'berth.db') })
  const sizes: number[] = []
  store.subscribe((changes) => sizes.push(changes.length))
  const made = await Promise.all(
    Array.from({ length: 600 }, (_, n) => store.create(key(`n${n}`), object(key(`n${n}`)))),
  )
  expect(sizes).toEqual([256, 256, 88])
  expect(made.map(({ revision }) => revision)).toEqual(made.map((_, n) => BigInt(n + 1)))
})

test('a subscriber that throws is logged and stops nobody', async () => {
  const said: string[] = []
  const log = { warn: () => undefined, error: (_: object, message: string) => said.push(message) }
  const store = await open({ path: join(scratch(), 'berth.db'), log })
  const heard: number[] = []
  store.subscribe(() => {
    throw new Error('oops')
  })
  store.subscribe((changes) => heard.push(changes.length))
  await store.create(key('a'), object(key('a')))
  expect([said, heard]).toEqual([['a subscriber of the store failed'], [1]])
})

test('a value that SQLite or JSON refuses fails alone', async () => {
  const store = await open({ path: join(scratch(), 'berth.db') })
  const circular: { self?: object } = {}
  circular.self = circular
  const noUid = { ...object(key('b')), metadata: { ...object(key('b')).metadata, uid: undefined as unknown as string } }
  const results = await Promise.allSettled([
    store.create(key('a'), object(key('a'), circular)),
    store.create(key('b'), noUid),
    store.create(key('c'), object(key('c'))),
  ])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  expect(store.revision()).toBe(1n)
})

test('the log keeps its count and its time, and tells a slow watcher that it is too late', async () => {
  const clock = new ManualClock()
  const store = await open({
    path: join(scratch(), 'berth.db'),
    clock,
    limits: { maxAgeMs: 600_000, maxRecords: 1_500 },
  })
  const slow = store.watch({ resource: DISKS, after: 0n }, new AbortController().signal)[Symbol.asyncIterator]()
  for (let n = 0; n < 30; n++) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.create(key(`n${n}-${i}`), object(key(`n${n}-${i}`)))))
  }
  expect((await slow.next()).value).toMatchObject({ entry: { revision: 1n } })
  await clock.advance(60_000)
  expect(await take(store, 1, { resource: DISKS, after: 1_500n })).toMatchObject([{ entry: { revision: 1_501n } }])
  await expect(take(store, 1, { resource: DISKS, after: 1_499n })).rejects.toEqual(refusal('expired'))
  const drain = async () => {
    while (true) await slow.next()
  }
  await expect(drain()).rejects.toEqual(refusal('expired'))
  await clock.advance(600_000)
  await expect(take(store, 1, { resource: DISKS, after: 1_500n })).rejects.toEqual(refusal('expired'))
  // The objects themselves are all there.
  expect((await store.list(DISKS)).entries).toHaveLength(3_000)
})

test('a watcher sees a change that may wait when its time is up, whatever others write meanwhile, and one that may not with all before it', async () => {
  const clock = new ManualClock()
  const store = await open({ path: join(scratch(), 'berth.db'), clock })
  await store.create(key('a'), object(key('a'), 0))
  const seen: unknown[] = []
  const { signal } = new AbortController()
  const watching = (async () => {
    for await (const change of store.watch({ resource: DISKS, after: store.revision() }, signal))
      if (change.type === 'put') seen.push(change.entry.value.spec)
  })()
  await clock.advance(0)
  const later = (spec: number) =>
    store.transact([{ op: 'update', key: key('a'), value: object(key('a'), spec), watchWithinMs: 300 }])
  await later(1)
  await store.create(key('n', '', 'nodes'), object(key('n', '', 'nodes')))
  await clock.advance(299)
  expect(seen).toEqual([])
  expect(await store.get(key('a'))).toMatchObject({ value: { spec: 1 } })
  await clock.advance(1)
  expect(seen).toEqual([1])
  await later(2)
  await store.create(key('b'), object(key('b'), 3))
  await clock.advance(0)
  expect(seen).toEqual([1, 2, 3])
  // Of one commit the change that may not wait takes the other along.
  await Promise.all([later(4), store.update(key('b'), object(key('b'), 5))])
  await clock.advance(0)
  expect(seen).toEqual([1, 2, 3, 4, 5])
  await later(6)
  const ending = expect(watching).rejects.toEqual(refusal('unavailable'))
  await store.close()
  await ending
  expect(clock.sleeping).toBe(0)
})

test('a watcher of a quiet resource is not made late by the traffic of others', async () => {
  const clock = new ManualClock()
  const store = await open({ path: join(scratch(), 'berth.db'), clock })
  const quiet = take(store, 1, { resource: 'nodes', after: 0n })
  await clock.advance(0)
  for (let n = 0; n < 15; n++) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.create(key(`n${n}-${i}`), object(key(`n${n}-${i}`)))))
  }
  await clock.advance(700_000)
  await store.create(key('host', '', 'nodes'), object(key('host', '', 'nodes')))
  expect(await quiet).toMatchObject([{ type: 'put', entry: { key: { name: 'host' } } }])
})

test('a watch that is far behind reads from disk what memory no longer has', async () => {
  const store = await open({ path: join(scratch(), 'berth.db') })
  for (let n = 0; n < 12; n++) {
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => store.create(key(`n${n}-${i}`), object(key(`n${n}-${i}`), n))),
    )
  }
  await store.delete(key('n0-0'))
  const changes = await take(store, 1_201, { resource: DISKS, after: 0n })
  expect(changes.slice(0, -1).map((change) => change.type === 'put' && change.entry.revision)).toEqual(
    Array.from({ length: 1_200 }, (_, n) => BigInt(n + 1)),
  )
  expect(changes.at(-1)).toMatchObject({ type: 'delete', previous: { spec: 0 } })
})

test('a full disk is refused, names the cause, and is over when there is space again', async () => {
  const path = join(scratch(), 'berth.db')
  const store = await openSqliteStore({ path, maxBytes: 200 * 4_096 })
  await store.create(key('small'), object(key('small')))
  const before = store.revision()
  const big = object(key('big'), 'x'.repeat(900_000))
  await expect(store.create(key('big'), big)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/no space left for the database .* free some space/),
  })
  expect(store.revision()).toBe(before)
  expect(await store.get(key('big'))).toBeNull()
  await store.update(key('small'), object(key('small'), 'still works'))
  await store.close()
  const roomy = await open({ path })
  await roomy.create(key('big'), big)
  expect((await roomy.get(key('small')))?.value.spec).toBe('still works')
})

test('what is not our database, or damaged, or newer, is refused at open with what to do', async () => {
  const dir = scratch()
  const text = join(dir, 'text.db')
  writeFileSync(text, 'not a database at all, but long enough to be looked at '.repeat(50))
  await expect(openSqliteStore({ path: text })).rejects.toThrow(
    /is damaged; stop the server, keep a copy .* restore a backup/,
  )

  const foreign = join(dir, 'foreign.db')
  new Database(foreign).exec('CREATE TABLE cats (name TEXT)').close()
  await expect(openSqliteStore({ path: foreign })).rejects.toThrow(/another program; give the store another path/)

  const newer = join(dir, 'newer.db')
  await (await openSqliteStore({ path: newer })).close()
  const tool = new Database(newer)
  tool.pragma('user_version = 99')
  tool.close()
  await expect(openSqliteStore({ path: newer })).rejects.toThrow(/written by a newer version \(layout 99/)

  await expect(openSqliteStore({ path: join(text, 'berth.db') })).rejects.toEqual(refusal('unavailable'))
})

test('pages of the database that were overwritten, and objects that are no JSON, are noticed at open', async () => {
  const path = join(scratch(), 'berth.db')
  const store = await openSqliteStore({ path })
  for (let n = 0; n < 50; n++) await store.create(key(`n${n}`), object(key(`n${n}`), 'x'.repeat(2_000)))
  await store.close()
  copyFileSync(path, `${path}.good`)
  const bytes = readFileSync(path)
  bytes.fill(0xa5, 8 * 4_096, 60 * 4_096)
  writeFileSync(path, bytes)
  await expect(openSqliteStore({ path })).rejects.toThrow(/damaged/)

  copyFileSync(`${path}.good`, path)
  const tool = new Database(path)
  tool.exec(`UPDATE objects SET value = substr(value, 1, 100) WHERE name = 'n7'`)
  tool.close()
  await expect(openSqliteStore({ path })).rejects.toThrow(/default\/n7 is damaged in the database .* restore a backup/)
})

test('a refused open gives the lock back', async () => {
  const path = join(scratch(), 'berth.db')
  writeFileSync(path, 'garbage '.repeat(1_000))
  await expect(openSqliteStore({ path })).rejects.toThrow(/damaged/)
  writeFileSync(path, '')
  const store = await open({ path })
  expect(store.revision()).toBe(0n)
})

test('a restored copy has a new identity and a higher revision, and refuses what clients knew of the earlier life', async () => {
  const dir = scratch()
  const path = join(dir, 'berth.db')
  const original = await openSqliteStore({ path })
  for (const name of ['a', 'b', 'c']) await original.create(key(name), object(key(name)))
  const { continue: token = '' } = await original.list(DISKS, { limit: 1 })
  await original.close()
  const copy = join(dir, 'copy.db')
  copyFileSync(path, copy)
  const restored = await open({ path: copy, restored: true })
  expect(restored.id).not.toBe(original.id)
  expect(restored.revision()).toBeGreaterThan(original.revision() + 1_000_000n)
  expect((await restored.list(DISKS)).entries).toHaveLength(3)
  await expect(restored.list(DISKS, { continue: token })).rejects.toEqual(refusal('expired'))
  await expect(take(restored, 1, { resource: DISKS, after: 1n })).rejects.toEqual(refusal('expired'))
  const made = await restored.update(key('a'), object(key('a'), 'new'))
  expect(Number(made.value.metadata.resourceVersion)).toBe(Number(made.revision))
  await restored.close()
  expect((await open({ path: copy })).id).toBe(restored.id)
})

test('no secret is on disk in plain text, neither in objects nor in the log nor in the write-ahead log', async () => {
  const dir = scratch()
  const path = join(dir, 'berth.db')
  const keyFile = join(dir, 'secrets.key')
  const options = { path, seal: { keyFile, fields: { [SECRETS]: ['data'] } } }
  const store = await open(options)
  const made = await store.create(inSecrets('s'), secret('s', PLAIN))
  await store.update(inSecrets('s'), secret('s', `${PLAIN}-changed`))
  await store.create(key('disk'), object(key('disk'), 'spec-in-the-clear'))
  const plainBytes = [PLAIN, Buffer.from(PLAIN).toString('base64'), 'password']
  const look = () => plainBytes.filter((text) => bytesIn(dir).includes(text))
  expect(look()).toEqual([])
  expect(bytesIn(dir).includes('spec-in-the-clear')).toBe(true)
  expect(bytesIn(dir).includes('label-in-the-clear')).toBe(true)
  expect(statSync(keyFile).mode & 0o777).toBe(0o600)
  await store.delete(inSecrets('s'))
  await store.create(inSecrets('s'), secret('s', PLAIN))
  await store.close()
  expect(look()).toEqual([])

  const again = await open(options)
  expect((await again.get(inSecrets('s')))?.value).toMatchObject({ data: { password: PLAIN }, type: 'Opaque' })
  const { annotations, managedFields } = secret('s', PLAIN).metadata
  expect((await again.list(SECRETS)).entries[0]?.value.metadata).toMatchObject({ annotations, managedFields })
  const changes = await take(again, 4, { resource: SECRETS, after: made.revision - 1n })
  expect(changes.map(({ previous }) => (previous as ReturnType<typeof secret> | null)?.data.password)).toEqual([
    undefined,
    PLAIN,
    `${PLAIN}-changed`,
    undefined,
  ])
})

test('sealed values cannot be moved between objects', async () => {
  const dir = scratch()
  const path = join(dir, 'berth.db')
  const options = { path, seal: { keyFile: join(dir, 'key'), fields: { [SECRETS]: ['data'] } } }
  const store = await openSqliteStore(options)
  await store.create(inSecrets('mine'), secret('mine', 'my own'))
  await store.create(inSecrets('yours'), secret('yours', 'not mine'))
  await store.close()
  const tool = new Database(path)
  tool.exec(`UPDATE objects SET value = json_set((SELECT value FROM objects WHERE name = 'yours'),
    '$.metadata.resourceVersion', CAST(revision AS TEXT)) WHERE name = 'mine'`)
  tool.close()
  const tampered = await open(options)
  await expect(tampered.get(inSecrets('mine'))).rejects.toThrow(
    /(data|annotations|managedFields).* cannot be decrypted/,
  )
  expect((await tampered.get(inSecrets('yours')))?.value).toMatchObject({ data: { password: 'not mine' } })
})

test('a lost, wrong or exposed key is refused with words, and no new one is made over the old secrets', async () => {
  const dir = scratch()
  const path = join(dir, 'berth.db')
  const keyFile = join(dir, 'key')
  const options = { path, seal: { keyFile, fields: { [SECRETS]: ['data'] } } }
  await (await openSqliteStore(options)).close()
  const right = readFileSync(keyFile)

  await expect(openSqliteStore({ path })).rejects.toThrow(/holds encrypted secrets; give its key file/)

  execFileSync('rm', [keyFile])
  await expect(openSqliteStore(options)).rejects.toThrow(/key file .* is missing, .* restore it from a backup/)
  expect(existsSync(keyFile)).toBe(false)

  writeFileSync(keyFile, Buffer.alloc(32, 7), { mode: 0o600 })
  await expect(openSqliteStore(options)).rejects.toThrow(/is not the one that this database's secrets were sealed with/)

  writeFileSync(keyFile, right.subarray(1))
  await expect(openSqliteStore(options)).rejects.toThrow(/has 31 bytes instead of 32/)

  writeFileSync(keyFile, right)
  chmodSync(keyFile, 0o640)
  await expect(openSqliteStore(options)).rejects.toThrow(/accessible to others \(mode 640\); make it 0600/)

  chmodSync(keyFile, 0o600)
  expect((await open(options)).revision()).toBe(0n)
})
