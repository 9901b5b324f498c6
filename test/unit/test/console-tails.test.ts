// What tests know of a guest by its consoles: that it was started anew, and that nobody else goes on since.
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ConsoleTails } from '../../cluster/console-tails.ts'
import type { LabHost } from '../../support/lab-host.ts'
import { scratch } from '../../support/scratch.ts'
import { waitFor } from '../../support/wait.ts'

interface Bench {
  readonly tails: ConsoleTails
  /** Resolves when it is read. */
  say(host: string, ...counts: readonly number[]): Promise<unknown>
}

function bench(): Bench {
  const folder = scratch()
  const hosts = ['h1', 'h2'].map((name) => ({ name, stateDir: join(folder, name) }) as LabHost)
  for (const { stateDir } of hosts) mkdirSync(join(stateDir, 'console'), { recursive: true })
  const tails = new ConsoleTails(hosts, 'u')
  onTestFinished(() => tails.close())
  return {
    tails,
    say: async (host, ...counts) => {
      const before = tails.counts(host).length
      appendFileSync(join(folder, host, 'console/u.log'), counts.map((count) => `COUNT ${count}\r\n`).join(''))
      await waitFor('lines that are read', 5, () => tails.counts(host).length >= before + counts.length)
    },
  }
}

it('what a guest said before it was started anew does not count', async () => {
  const { tails, say } = bench()
  await say('h1', 1, 2)
  await say('h2', 3)
  const said = tails.said()
  await say('h2', 4, 1, 2)
  expect(tails.startsSince(said)).toBe(1)
  tails.beginAnew(said)
  expect(tails.counts()).toEqual([1, 2])
  expect(tails.faults(0)).toEqual([])
  expect(tails.startsSince(said)).toBe(1)
})

it('a copy that goes on beside the new one is a fault', async () => {
  const { tails, say } = bench()
  await say('h1', 1, 2)
  const said = tails.said()
  await say('h2', 1, 2)
  tails.beginAnew(said)
  await say('h1', 3)
  await say('h2', 3)
  expect(tails.faults(0)).toEqual(['counted twice: 3'])
})
