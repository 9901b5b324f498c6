import { expect, it } from 'vitest'
import { Health } from '../../../../scheduler/mirror/health.ts'

const START = Date.parse('2026-01-01T00:00:00Z')

function world() {
  const made = {
    ms: 0,
    heardAt: null as number | null,
    problem: null as string | null,
    givesLeases: true,
    overruled: null as string | null,
    changes: 0,
    health: undefined as unknown as Health,
    at: (seconds: number) => {
      made.ms = seconds * 1000
      made.health.look()
      return made.health.silence('h1')
    },
  }
  made.health = new Health({
    clock: { now: () => START + made.ms, monotonic: () => made.ms, sleep: () => Promise.resolve() },
    nodes: () => ['h1'],
    signs: { heardAt: () => made.heardAt, linkProblem: () => made.problem },
    givesLeases: () => made.givesLeases,
    overruled: () => made.overruled,
    onChange: () => {
      made.changes += 1
    },
  })
  return made
}

it('says since when a lease was not renewed, in words that stay as they are', () => {
  const host = world()
  host.heardAt = 5_000
  expect(host.at(20)).toBe(null)
  const words = 'the host has not renewed its lease since 2026-01-01T00:00:05Z'
  expect(host.at(21)).toBe(words)
  expect(host.at(3_600)).toBe(words)
  host.heardAt = 3_601_000
  expect(host.at(3_602)).toBe(null)
  expect(host.changes).toBe(2)
})

it('believes a link that was lost just now, as by an agent that is restarted', () => {
  const host = world()
  host.heardAt = 0
  host.problem = 'connection refused'
  for (const second of [1, 5, 10]) expect(host.at(second)).toBe(null)
  host.heardAt = 12_000
  expect(host.at(17)).toBe("the host's agent has not been reached since 2026-01-01T00:00:01Z (connection refused)")
  host.problem = null
  expect(host.at(18)).toBe(null)
})

it('misses a host that was cut off before it asked a restarted scheduler for a lease, however well its link looks', () => {
  const host = world()
  host.givesLeases = false
  for (const second of [1, 30]) expect(host.at(second)).toBe(null)
  host.givesLeases = true
  for (const second of [31, 46]) expect(host.at(second)).toBe(null)
  expect(host.at(47)).toBe('the host has not renewed its lease since 2026-01-01T00:00:31Z')
  host.heardAt = 48_000
  expect(host.at(49)).toBe(null)
})

it('of a scheduler that rules no more says that, and nothing of the hosts', () => {
  const host = world()
  host.overruled = 'another scheduler rules this cluster'
  expect(host.at(1)).toBe('another scheduler rules this cluster')
  expect(host.at(100)).toBe('another scheduler rules this cluster')
})
