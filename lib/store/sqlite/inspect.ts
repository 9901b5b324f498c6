// A look at a whole database before anything relies on it: its pages, and every object in it. About a millisecond per MiB.
import type { Database } from 'better-sqlite3'
import { unavailable } from '../store.ts'

/** Findings of SQLite that are told; the first ones say it. */
const MAX_FINDINGS = 3

/** An object that is no JSON, says another revision than its row, or is newer than the store itself. */
const BROKEN = `SELECT resource, namespace, name FROM objects
  WHERE NOT json_valid(value)
     OR json_extract(value, '$.metadata.resourceVersion') IS NOT CAST(revision AS TEXT)
     OR revision > (SELECT revision FROM meta)
  LIMIT 1`

/** @throws StoreError `damaged`, or what SQLite throws at pages that it cannot read */
export function inspect(db: Database, path: string): void {
  const findings = db.pragma(`quick_check(${MAX_FINDINGS})`) as readonly { readonly quick_check: string }[]
  const wrong = findings.map((finding) => finding.quick_check).filter((text) => text !== 'ok')
  if (wrong.length > 0) throw unavailable('damaged', `${whatToDo(path)} (SQLite: ${wrong.join('; ')})`)
  if (!isOurs(db)) return
  const damaged = db.prepare<[], { resource: string; namespace: string; name: string }>(BROKEN).get()
  if (damaged === undefined) return
  const { resource, namespace, name } = damaged
  throw unavailable('damaged', `${resource} ${namespace}/${name} is damaged in the database ${path}; ${REMEDY}`)
}

/** A new file has no tables yet, and another program's has others. */
const isOurs = (db: Database): boolean =>
  db
    .prepare(`SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('meta', 'objects')`)
    .pluck()
    .get() === 2

const REMEDY = 'keep a copy of the file and restore a backup of it'

const whatToDo = (path: string): string => `the database ${path} is damaged; ${REMEDY}`
