import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readIfThere, removeTemporaries, removeTemporariesOf, writeAtomically } from '../../../lib/files.ts'
import { scratch } from '../../support/scratch.ts'

const LEFT = 'a.0123456789ab.tmp'
const OTHER = 'a.b.0123456789ab.tmp'

it('a file is put in place whole, and nothing is left beside it', async () => {
  const folder = scratch()
  await writeAtomically(join(folder, 'a'), 'one', 0o600)
  await writeAtomically(join(folder, 'a'), 'two', 0o600)
  expect([await readIfThere(join(folder, 'a')), await readdir(folder)]).toEqual(['two', ['a']])
})

it('what a killed process left goes: all of a folder, or that of one file while others are being written', async () => {
  const folder = scratch()
  const names = ['a', 'a.b', 'c.tmp', LEFT, OTHER]
  for (const name of names) await writeFile(join(folder, name), '')
  await removeTemporariesOf(join(folder, 'a'))
  expect((await readdir(folder)).sort()).toEqual(names.filter((name) => name !== LEFT).sort())
  await removeTemporaries(folder)
  expect((await readdir(folder)).sort()).toEqual(['a', 'a.b', 'c.tmp'])
})
