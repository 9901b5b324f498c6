import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { AuditFile } from '../../../../../lib/apiserver/audit/audit-file.ts'
import { type AuditFilter, readAudit } from '../../../../../lib/apiserver/audit/read.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { scratch } from '../../../../support/scratch.ts'
import { at, auditEvent } from './samples.ts'

const quiet = { warn: () => undefined }
const ids = async (path: string, filter: AuditFilter = {}, limit = 1_000) =>
  (await readAudit(path, filter, limit)).map(({ auditID }) => auditID)

async function opened(maxBytes = 1_000_000, keep = 2) {
  const path = join(scratch(), 'audit', 'audit.log')
  const options = { path, maxBytes, keep, clock: new ManualClock(), log: quiet }
  return { path, options, file: await AuditFile.open(options) }
}

it('keeps the order, for the owner alone, over restarts', async () => {
  const { path, options, file } = await opened()
  for (const id of ['1', '2', '3']) file.record(auditEvent(id))
  await file.close()
  const next = await AuditFile.open(options)
  next.record(auditEvent('4'))
  await next.close()
  expect(await ids(path)).toEqual(['1', '2', '3', '4'])
  expect(await ids(path, {}, 2)).toEqual(['3', '4'])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
})

it('puts a full file aside and keeps so many', async () => {
  const { path, file } = await opened(1_500, 2)
  for (let index = 0; index < 12; index++) {
    file.record(auditEvent(String(index)))
    await file.flush()
  }
  await file.close()
  const names = readdirSync(join(path, '..'))
  expect(names).toHaveLength(3)
  for (const name of names) expect(statSync(join(path, '..', name)).size).toBeLessThanOrEqual(1_500)
  const left = await ids(path)
  expect(left.at(-1)).toBe('11')
  expect(left).toEqual(Array.from({ length: left.length }, (_, index) => String(12 - left.length + index)))
})

it('loses nothing of a burst', async () => {
  const { path, file } = await opened()
  const all = Array.from({ length: 5_000 }, (_, index) => String(index))
  for (const id of all) file.record(auditEvent(id))
  await file.close()
  expect(await ids(path, {}, 10_000)).toEqual(all)
})

it('says when the disk takes nothing, goes on, and says what was lost', async () => {
  const words: object[] = []
  const log = { warn: (fields: object, message: string) => void words.push({ ...fields, message }) }
  const clock = new ManualClock()
  // A device that takes no byte.
  const file = await AuditFile.open({ path: '/dev/full', maxBytes: 1_000_000, keep: 1, clock, log })
  for (const id of ['1', '2']) {
    file.record(auditEvent(id))
    await file.flush()
  }
  expect(words).toEqual([
    expect.objectContaining({ message: 'the audit log cannot be written', reason: expect.stringContaining('ENOSPC') }),
  ])
  await clock.advance(60_000)
  file.record(auditEvent('3'))
  await file.close()
  expect(words).toHaveLength(2)
  expect(words[1]).toMatchObject({ lost: 3 })
})

it('does not open where it may not write', async () => {
  const path = join(scratch(), 'file')
  writeFileSync(path, '')
  await expect(AuditFile.open({ path: join(path, 'audit.log'), maxBytes: 1, keep: 1, log: quiet })).rejects.toThrow(
    /ENOTDIR|EEXIST/,
  )
})

it('finds what fits', async () => {
  const { path, file } = await opened()
  const console = { resource: 'virtualmachines', subresource: 'console', apiVersion: 'v1', namespace: 'b', name: 'v' }
  file.record(auditEvent('old'))
  file.record(auditEvent('secret', {}, 10))
  file.record(auditEvent('refused', { user: { username: 'bob' }, responseStatus: { code: 403 } }, 11))
  file.record(auditEvent('console', { verb: 'get', objectRef: console }, 12))
  await file.close()
  const rows: readonly [AuditFilter, readonly string[]][] = [
    [{ user: 'bob' }, ['refused']],
    [{ verb: 'get' }, ['console']],
    [{ namespace: 'b' }, ['console']],
    [{ name: 's' }, ['old', 'secret', 'refused']],
    [{ resource: 'virtualmachines' }, ['console']],
    [{ resource: 'virtualmachines/console' }, ['console']],
    [{ resource: 'virtualmachines/vnc' }, []],
    [{ since: at(10) }, ['secret', 'refused', 'console']],
    [{ failed: true }, ['refused']],
  ]
  for (const [filter, expected] of rows) expect(await ids(path, filter), JSON.stringify(filter)).toEqual(expected)
})

it('passes over what is damaged, and over lines without an end', async () => {
  const { path, file } = await opened()
  file.record(auditEvent('1'))
  await file.flush()
  appendFileSync(path, `{"half":\n${'x'.repeat(300_000)}\n`)
  file.record(auditEvent('2'))
  await file.close()
  appendFileSync(path, '{"kind":"Event","auditID":"3"')
  expect(await ids(path)).toEqual(['1', '2'])
})

it('reads lines across the bounds of its chunks', async () => {
  const { path, file } = await opened()
  const all = Array.from({ length: 700 }, (_, index) => `${index}-${'é'.repeat(index % 97)}`)
  for (const id of all) file.record(auditEvent(id))
  await file.close()
  expect(readFileSync(path).length).toBeGreaterThan(3 * 65_536)
  expect(await ids(path)).toEqual(all)
})
