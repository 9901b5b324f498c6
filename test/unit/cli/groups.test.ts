// A word that is no command of a group, such as `berth node token list`.
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import type { Io } from '../../../cli/io.ts'
import { buildProgram } from '../../../cli/program.ts'
import { run } from '../../../cli/run.ts'
import { systemClock } from '../../../lib/clock.ts'

async function berth(...words: readonly string[]) {
  const told = { out: '', err: '' }
  const sink = (name: 'out' | 'err') => ({
    isTTY: false,
    write: (text: string | Uint8Array) => {
      told[name] += text
    },
  })
  const io: Io = {
    stdin: Object.assign(new PassThrough(), { isTTY: false, setRawMode: () => undefined }),
    stdout: sink('out'),
    stderr: sink('err'),
    env: {},
    clock: systemClock,
    signal: new AbortController().signal,
    self: ['berth'],
  }
  return { code: await run(['node', 'berth', ...words], io), ...told, io }
}

it.each([
  ['node', 'token, join, leave'],
  ['node token', 'create'],
  ['token', 'create, list, revoke'],
  ['host', 'check'],
])('an unknown command of `berth %s` is told with those that there are', async (group, there) => {
  const words = group.split(' ')
  const { code, out, err } = await berth(...words, 'lst', '--output', 'json')
  expect(err).toBe(`error: unknown command 'lst': 'berth ${group}' has ${there}\n`)
  expect([code, out]).toEqual([2, ''])
})

it('these are all the groups', async () => {
  const { io } = await berth('--version')
  const groups = buildProgram(io).commands.filter((each) => each.commands.length > 0)
  expect(groups.map((each) => each.name())).toEqual(['migrate', 'host', 'token', 'node'])
})

it('an unknown verb is told with what was meant, and a group alone is explained', async () => {
  expect(await berth('nod')).toMatchObject({ code: 2, err: "error: unknown command 'nod'\n(Did you mean node?)\n" })
  const alone = await berth('node', 'token')
  expect([alone.code, alone.err]).toEqual([2, expect.stringMatching(/^Usage: berth node token/)])
})
