// What a host has promised of its machines, across its boots.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { PromisedMemory } from '../../../../agent/cluster/promised.ts'
import { scratch } from '../../../support/scratch.ts'

it('what is about to be named is remembered at once, and until a renewal without it was answered', async () => {
  const dir = scratch()
  const first = await PromisedMemory.open(dir)
  expect(first.has('a')).toBe(false)
  await first.add(['a', 'b'])
  const booted = await PromisedMemory.open(dir)
  expect(['a', 'b', 'c'].map((uid) => booted.has(uid))).toEqual([true, true, false])
  await booted.settle(['b'])
  expect(booted.has('a')).toBe(false)
  expect((await PromisedMemory.open(dir)).has('a')).toBe(false)
  expect((await PromisedMemory.open(dir)).has('b')).toBe(true)
})

it('a later promise is not lost to the end of an earlier one', async () => {
  const memory = await PromisedMemory.open(scratch())
  await memory.add(['a', 'b'])
  await Promise.all([memory.settle(['a']), memory.add(['b'])])
  expect(memory.has('b')).toBe(true)
})

it('what cannot be written is not promised, and what is stays so', async () => {
  const dir = scratch()
  const memory = await PromisedMemory.open(dir)
  // A file in the place of the folder.
  await writeFile(join(dir, 'cluster'), '')
  await expect(memory.add(['a'])).rejects.toThrow(/cluster/)
  expect(memory.has('a')).toBe(false)
})

it('a file that cannot be read is said so', async () => {
  const dir = scratch()
  await (await PromisedMemory.open(dir)).add(['a'])
  await writeFile(join(dir, 'cluster', 'promised.json'), '{}')
  await expect(PromisedMemory.open(dir)).rejects.toThrow(/promised\.json.*cannot be read/)
})
