// Every layout that was ever released opens with this program, objects and secrets included; see test/fixtures/store.
import { chmodSync, copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { MIGRATIONS, migrate } from '../../../../../lib/store/sqlite/migrations.ts'
import { openSqliteStore } from '../../../../../lib/store/sqlite/open.ts'
import { KINDS } from '../../../../../schemas/index.ts'
import { scratch } from '../../../../support/scratch.ts'
import { key, object } from '../fixtures.ts'

const FIXTURES = join(import.meta.dirname, '../../../../fixtures/store')
const layouts = MIGRATIONS.map((_, index) => index + 1)
const fields = Object.fromEntries(
  KINDS.flatMap((kind) => (kind.secretFields ? [[kind.resource, kind.secretFields]] : [])),
)

/** A copy of a released database, with its key. */
function released(layout: number) {
  const dir = scratch()
  const path = join(dir, 'berth.db')
  const keyFile = join(dir, 'secret.key')
  copyFileSync(join(FIXTURES, `layout-${layout}.db`), path)
  copyFileSync(join(FIXTURES, `layout-${layout}.key`), keyFile)
  chmodSync(keyFile, 0o600)
  return { path, seal: { keyFile, fields } }
}

test('there is a database of each layout', () => {
  for (const layout of layouts) expect(existsSync(join(FIXTURES, `layout-${layout}.db`)), `layout ${layout}`).toBe(true)
})

test.each(layouts)('a database of layout %i opens with all that is in it, and takes writes', async (layout) => {
  const { path, seal } = released(layout)
  const listed = JSON.parse(readFileSync(join(FIXTURES, `layout-${layout}.json`), 'utf8')) as Record<string, string[]>
  const store = await openSqliteStore({ path, seal })
  onTestFinished(() => store.close())
  expect(new Database(path, { readonly: true }).pragma('user_version', { simple: true })).toBe(MIGRATIONS.length)
  for (const { resource } of KINDS) {
    const names = (await store.list(resource)).entries.map(({ key: { namespace, name } }) => `${namespace}/${name}`)
    expect(names, resource).toEqual(listed[resource] ?? [])
  }
  const secret = await store.get(key('credentials', 'default', 'secrets'))
  expect(secret?.value).toMatchObject({ data: { password: Buffer.from('correct horse').toString('base64') } })
  await store.create(key('later'), object(key('later')))
})

test('a migration that fails leaves the layout before it, and the next start goes on from there', () => {
  const { path } = released(1)
  const db = new Database(path)
  onTestFinished(() => void db.close())
  const version = () => db.pragma('user_version', { simple: true })
  const next = [...MIGRATIONS, 'ALTER TABLE meta ADD COLUMN extra TEXT']
  const broken = [...next, 'CREATE TABLE more (a TEXT); CREATE TABLE more (a TEXT)']
  expect(() => migrate(db, path, broken)).toThrow(/already exists/)
  expect(version()).toBe(MIGRATIONS.length + 1)
  expect(db.prepare(`SELECT count(*) FROM sqlite_schema WHERE name = 'more'`).pluck().get()).toBe(0)
  migrate(db, path, [...next, 'CREATE TABLE more (a TEXT)'])
  expect(version()).toBe(MIGRATIONS.length + 2)
  expect(() => migrate(db, path, next)).toThrow(/written by a newer version \(layout 3, this program knows up to 2\)/)
})
