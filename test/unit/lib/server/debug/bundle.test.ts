import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { MAX_FILE, makeBundle, type Part } from '../../../../../lib/server/debug/bundle.ts'
import { Secrets } from '../../../../../lib/server/debug/redact.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { scratch } from '../../../../support/scratch.ts'

const part = (name: string, read: Part['read']): Part => ({ name, read })

test('what hangs or fails is named in the manifest, and what was learned late is taken out of what came early', async () => {
  const clock = new ManualClock()
  const secrets = new Secrets()
  const bundle = makeBundle({
    clock,
    secrets,
    deadlineMs: 1_000,
    parts: [
      part('early', async () => ({ 'early.txt': 'it was s3cr3t-value all along' })),
      part('hangs', () => new Promise(() => {})),
      part('fails', async () => {
        throw new Error('the s3cr3t-value was refused')
      }),
      part('teaches', async () => {
        secrets.learn('s3cr3t-value')
        return { 'folder/late.txt': 'late', 'folder/long.txt': `${'x'.repeat(MAX_FILE)}end` }
      }),
    ],
  })
  await clock.advance(1_000)
  const { archive, told } = await bundle
  expect(told.split('\n')).toEqual([
    'early.txt: 29 characters',
    'hangs: MISSING after 1.0 s: no answer within 1 s',
    'fails: MISSING after 0.0 s: the (left out) was refused',
    'folder/late.txt: 4 characters',
    `folder/long.txt: ${MAX_FILE} characters, the end of ${MAX_FILE + 3}`,
    '',
  ])
  const folder = scratch()
  writeFileSync(join(folder, 'b.tar.gz'), archive)
  // The tar of the host reads it: that is what it is for.
  await execa('tar', ['-xzf', 'b.tar.gz'], { cwd: folder })
  const read = (name: string) => readFileSync(join(folder, 'berth-debug', name), 'utf8')
  expect(readdirSync(join(folder, 'berth-debug')).sort()).toEqual(['MANIFEST.txt', 'early.txt', 'folder'])
  expect(read('early.txt')).toBe('it was (left out) all along')
  expect(read('MANIFEST.txt')).toBe(told)
  expect(read('folder/long.txt').endsWith('xend')).toBe(true)
})
