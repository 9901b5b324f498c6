// Which scheduler a host obeys: pure rules, and a memory that a restart and an older copy of the database take nothing of.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { claimRefusal, RulerMemory, rulerRefusal } from '../../../../agent/cluster/ruler.ts'
import { scratch } from '../../../support/scratch.ts'

const known = { instance: 'b', term: 5, revision: '100' }

it.each([
  ['a higher term', { instance: 'c', term: 6, revision: '100' }, null],
  ['the same again', { instance: 'b', term: 5, revision: '101' }, null],
  ['a lower term', { instance: 'a', term: 4, revision: '900' }, /term 5, which began after this one \(term 4\)/],
  ['the same term of another', { instance: 'c', term: 5, revision: '900' }, /has taken the term 5 already/],
  ['an older store', { instance: 'c', term: 6, revision: '99' }, /revision 99, .* of revision 100: .* older copy/],
])('a claim of %s', (_, ask, words) => {
  const refusal = claimRefusal(ask, known)
  if (words === null) expect(refusal).toBeNull()
  else expect(refusal).toMatch(words)
})

it.each([
  ['the one that it obeys', { instance: 'b', term: 5, revision: '1' }, known, null],
  ['one that was superseded', { instance: 'a', term: 4, revision: '1' }, known, /term 4\) is superseded.*b \(term 5\)/],
  ['another of that term', { instance: 'x', term: 5, revision: '1' }, known, /superseded/],
  ['one that has not claimed it', { instance: 'x', term: 6, revision: '1' }, known, /has not claimed this host/],
  [
    'one while none has',
    { instance: 'x', term: 1, revision: '1' },
    { instance: '', term: 0, revision: '0' },
    /it obeys none/,
  ],
])('a word of %s', (_, said, memory, words) => {
  const refusal = rulerRefusal(said, memory)
  if (words === null) expect(refusal).toBeNull()
  else expect(refusal).toMatch(words)
})

it('another cluster begins anew, although the host never left the first one; the same one goes on', async () => {
  const dir = scratch()
  const memory = await RulerMemory.open(dir)
  await memory.join('sha256:a')
  await memory.claim({ instance: 'x', term: 9, revision: '900' })
  await memory.join('sha256:a')
  expect(memory.known).toMatchObject({ instance: 'x', term: 9 })
  const again = await RulerMemory.open(dir)
  await again.join('sha256:b')
  expect(again.known).toEqual({ instance: '', term: 0, revision: '0' })
  expect(await again.claim({ instance: 'y', term: 1, revision: '3' })).toMatchObject({ accepted: true })
  const last = await RulerMemory.open(dir)
  expect(await last.claim({ instance: 'x', term: 1, revision: '900' })).toMatchObject({ accepted: false })
})

it('two that claim the same term at once: one has it, and what was answered is on disk', async () => {
  const dir = scratch()
  const memory = await RulerMemory.open(dir)
  const asks = ['x', 'y'].map((instance) => memory.claim({ instance, term: 1, revision: '7' }))
  const answers = await Promise.all(asks)
  expect(answers.map(({ accepted }) => accepted)).toEqual([true, false])
  expect(answers[1]).toMatchObject({ instance: 'x', term: 1, revision: '7' })
  await memory.reached('12')
  await memory.reached('9')
  const again = await RulerMemory.open(dir)
  expect(again.known).toEqual({ instance: 'x', term: 1, revision: '12' })
  expect(await again.claim({ instance: 'z', term: 2, revision: '11' })).toMatchObject({
    accepted: false,
    revision: '12',
  })
})

it.each(['', '{}', '{"instance":"a","term":"1","revision":"1"}'])(
  'a file that says %j ends the start in words',
  async (text) => {
    const dir = scratch()
    await (await RulerMemory.open(dir)).claim({ instance: 'x', term: 1, revision: '7' })
    const file = join(dir, 'cluster', 'ruler.json')
    expect(readFileSync(file, 'utf8')).toContain('"x"')
    writeFileSync(file, text)
    await expect(RulerMemory.open(dir)).rejects.toThrow(/ruler.json.*cannot be read/)
  },
)
