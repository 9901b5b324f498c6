import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Watchers } from '../../../../../lib/store/sqlite/watchers.ts'
import type { Change } from '../../../../../lib/store/store.ts'

const change: Change = {
  type: 'delete',
  key: { resource: 'namespaces', namespace: '', name: 'a' },
  revision: 1n,
  previous: {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '1' },
  },
}

/** `count` watchers that wait for the change, and how many have seen it. */
async function waiting(count: number) {
  let revision = 0n
  const read = (_resource: string, after: bigint) => (after < revision ? [change] : [])
  const watchers = new Watchers({ revision: () => revision, read, sleep: async () => undefined })
  const stops = Array.from({ length: count }, () => new AbortController())
  let seen = 0
  const all = stops.map(async ({ signal }) => {
    for await (const _ of watchers.watch({ resource: 'namespaces', after: 0n }, signal)) seen += 1
  })
  await turn()
  return {
    commit: () => {
      revision = 1n
      watchers.committed([change])
    },
    seen: () => seen,
    end: async () => {
      for (const stop of stops) stop.abort()
      await Promise.all(all)
    },
  }
}

it('wakes very many watchers over several turns, so that others have theirs', async () => {
  const { commit, seen, end } = await waiting(1_000)
  commit()
  const steps: number[] = []
  while (seen() < 1_000) {
    const before = seen()
    await turn()
    steps.push(seen() - before)
  }
  expect(Math.max(...steps)).toBeLessThanOrEqual(300)
  expect(steps.length).toBeGreaterThan(3)
  await end()
})

it('wakes a few at once', async () => {
  const { commit, seen, end } = await waiting(50)
  commit()
  await turn()
  expect(seen()).toBe(50)
  await end()
})
