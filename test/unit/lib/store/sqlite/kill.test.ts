// SIGKILL in the middle of writes: nothing that was acknowledged is lost, no transaction is half there.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { openSqliteStore } from '../../../../../lib/store/sqlite/open.ts'
import { scratch } from '../../../../support/scratch.ts'
import { DISKS, key } from '../fixtures.ts'

const LIVES = process.env.BERTH_LONG ? 40 : 3

interface Said {
  readonly created?: string
  readonly revision?: string
  readonly deleted?: string
  readonly pair?: number
  readonly n?: number
}

/** Runs the writer until it has said `lines` lines, kills it, and returns all that it said. */
async function liveAndDie(path: string, life: string, lines: number): Promise<readonly Said[]> {
  const program = join(import.meta.dirname, 'killed-writer.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', program, path, life], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  const said: Said[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may be cut by the kill.
    if (line.endsWith('}')) said.push(JSON.parse(line) as Said)
    if (said.length === lines) child.kill('SIGKILL')
  }
  expect(await exit).toEqual([null, 'SIGKILL'])
  return said
}

test(`${LIVES} kills in the middle of writes`, { timeout: 240_000 }, async () => {
  const path = join(scratch(), 'berth.db')
  const alive = new Set<string>()
  const dead = new Set<string>()
  const pairs = new Map<number, number>()
  let newest = 0n
  for (let life = 0; life < LIVES; life++) {
    const said = await liveAndDie(path, `life${life}`, 40 + Math.floor(Math.random() * 400))
    for (const { created, revision, deleted, pair, n } of said) {
      if (created !== undefined) alive.add(created)
      if (revision !== undefined && BigInt(revision) > newest) newest = BigInt(revision)
      if (deleted !== undefined) dead.add(deleted)
      if (pair !== undefined && n !== undefined) pairs.set(pair, n)
    }
    const store = await openSqliteStore({ path })
    const names = new Set((await store.list(DISKS)).entries.map((entry) => entry.key.name))
    // A deletion that was under way may have been committed without being said.
    const doomed = (name: string) => dead.has(name) || Number(name.split('-')[2]) % 3 === 0
    expect([...alive].filter((name) => !names.has(name) && !doomed(name))).toEqual([])
    expect([...dead].filter((name) => names.has(name))).toEqual([])
    expect(store.revision()).toBeGreaterThanOrEqual(newest)
    for (const [pair, n] of pairs) {
      const left = (await store.get(key(`left-${pair}`)))?.value.spec
      expect(left).toBe((await store.get(key(`right-${pair}`)))?.value.spec)
      expect(left).toBeGreaterThanOrEqual(n)
    }
    await store.close()
  }
  expect(alive.size).toBeGreaterThan(LIVES * 10)
})
