// The database's layout as numbered, forward-only steps, one transaction each; `user_version` tells where a file is.
import type { Database } from 'better-sqlite3'
import { unavailable } from '../store.ts'

/** "BRTH": tells our files from any other SQLite database (`PRAGMA application_id`). */
export const APPLICATION_ID = 0x42525448

/**
 * Never changed once released: a file of any release is brought up from where it is. Whoever adds one adds a file of the layout
 * before it to test/fixtures/store.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE meta (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     id TEXT NOT NULL,
     revision INTEGER NOT NULL,
     compacted INTEGER NOT NULL,
     key_check TEXT
   ) STRICT;
   CREATE TABLE objects (
     resource TEXT NOT NULL,
     namespace TEXT NOT NULL,
     name TEXT NOT NULL,
     uid TEXT NOT NULL,
     revision INTEGER NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (resource, namespace, name)
   ) STRICT;
   CREATE TABLE changes (
     revision INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     resource TEXT NOT NULL,
     namespace TEXT NOT NULL,
     name TEXT NOT NULL,
     type TEXT NOT NULL CHECK (type IN ('put', 'delete')),
     value TEXT,
     previous TEXT
   ) STRICT;
   CREATE INDEX changes_by_resource ON changes (resource, revision);`,
]

/** Brings the file to this program's layout. @throws StoreError when the file is of a newer program, or not ours */
export function migrate(db: Database, path: string, migrations = MIGRATIONS): void {
  const version = Number(db.pragma('user_version', { simple: true }))
  const application = Number(db.pragma('application_id', { simple: true }))
  const tables = Number(db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get())
  if (tables > 0 && application !== APPLICATION_ID) {
    throw unavailable('unusable', `${path} is an SQLite database of another program; give the store another path`)
  }
  if (version > migrations.length) {
    throw unavailable(
      'unusable',
      `${path} was written by a newer version (layout ${version}, this program knows up to ${migrations.length}); run that version, or restore a backup made before the upgrade`,
    )
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue
    db.transaction(() => {
      db.exec(sql)
      db.pragma(`application_id = ${APPLICATION_ID}`)
      db.pragma(`user_version = ${index + 1}`)
    }).immediate()
  }
}
