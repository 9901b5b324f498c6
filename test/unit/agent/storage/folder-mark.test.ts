import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MARK_FILE, markOf } from '../../../../agent/storage/folder-mark.ts'
import { scratch } from '../../../support/scratch.ts'

it('is made once, however many hosts come at the same moment, and read by all', async () => {
  const folder = scratch()
  const marks = await Promise.all(Array.from({ length: 20 }, () => markOf(folder)))
  expect(new Set(marks).size).toBe(1)
  expect(await markOf(folder)).toBe(marks[0])
  expect(await readFile(join(folder, MARK_FILE), 'utf8')).toBe(`${marks[0]}\n`)
  expect(await readdir(folder)).toEqual([MARK_FILE])
})

it('differs where the folder is another one', async () => {
  expect(await markOf(scratch())).not.toBe(await markOf(scratch()))
})

it('is not guessed when the file says something else', async () => {
  const folder = scratch()
  await writeFile(join(folder, MARK_FILE), 'hello\n')
  await expect(markOf(folder)).rejects.toThrow(/\.berth-folder is damaged/)
  expect(await readFile(join(folder, MARK_FILE), 'utf8')).toBe('hello\n')
})
