import { expect, it } from 'vitest'
import type { Condition } from '../../../lib/object.ts'
import type { HostDeadCondition } from '../../../scheduler/failover/conditions.ts'
import { afterVerdict, saysElse, toldOf } from '../../../scheduler/failover/host-words.ts'
import type { Node } from '../../../schemas/index.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const SINCE = '2026-01-01T00:00:00Z'
const PROMISE = { covers: { a: 1 }, asks: { a: 1, b: 2 } }
const SILENT: HostDeadCondition = { type: 'HostDead', status: 'Unknown', reason: 'Silent', message: 'since 12:00' }
const FENCED: HostDeadCondition = { type: 'HostDead', status: 'True', reason: 'Fenced', message: 'ipmi' }

const said = (condition: HostDeadCondition): Condition => ({
  ...condition,
  message: condition.message ?? '',
  lastTransitionTime: SINCE,
})
const status = (more: object): Node['status'] => more as Node['status']
const berthAfter = (...args: Parameters<typeof afterVerdict>) =>
  (afterVerdict(...args) as { readonly berth?: Readonly<Record<string, unknown>> }).berth

it('a fenced host is dead for the machines that it asks for first, any other for those that it ends itself', () => {
  const death = { evidence: 'fenced', message: 'ipmi' } as const
  expect(berthAfter(undefined, { condition: FENCED, death }, PROMISE, NOW)).toEqual({
    death: { ...death, since: SINCE, covers: PROMISE.asks },
  })
  const starved = { evidence: 'watchdog', message: 'not fed', whole: true } as const
  expect(berthAfter(undefined, { condition: FENCED, death: starved }, PROMISE, NOW)).toEqual({
    death: { ...starved, since: SINCE, covers: PROMISE.covers },
  })
})

it('a death that is known stays as it is until the host is heard, and what else is remembered stays even then', () => {
  const known = { evidence: 'fenced', since: 'then', message: 'ipmi', covers: {} }
  const before = status({ berth: { death: known, promise: 'p' } })
  expect(berthAfter(before, { condition: FENCED, death: null }, PROMISE, NOW)).toEqual({ death: known, promise: 'p' })
  expect(berthAfter(before, { condition: null, death: 'back' }, PROMISE, NOW)).toEqual({ promise: 'p' })
})

it('a host of which nothing is remembered gets no empty record', () => {
  const after = afterVerdict(status({ phase: 'x' }), { condition: SILENT, death: null }, PROMISE, NOW)
  expect(after).not.toHaveProperty('berth')
  expect(after.conditions).toMatchObject([{ type: 'HostDead', status: 'Unknown', reason: 'Silent' }])
})

it('the condition goes when the host is heard', () => {
  const before = status({ conditions: [said(SILENT)] })
  expect(afterVerdict(before, { condition: null, death: null }, PROMISE, NOW).conditions).toEqual([])
})

it.each([
  ['lost', undefined, SILENT, 'HostLost'],
  ['lost, said already', said(SILENT), SILENT, null],
  ['dead', said(SILENT), FENCED, 'HostDead'],
  ['a fencing that runs, after the loss was told', said(SILENT), { ...SILENT, reason: 'FencingInProgress' }, null],
  ['a fencing that failed', said(SILENT), { ...SILENT, reason: 'FencingFailed' }, 'FencingFailed'],
  ['frozen', said(SILENT), { ...SILENT, reason: 'FailoverFrozen' }, 'FailoverFrozen'],
  ['back', said(FENCED), null, 'HostBack'],
] as const)('%s', (_, before, condition, reason) => {
  expect(toldOf('h1', before, condition as HostDeadCondition | null)?.reason ?? null).toBe(reason)
})

it('machines are woken by other words only', () => {
  expect(saysElse(said(SILENT), SILENT)).toBe(false)
  expect(saysElse(said(SILENT), { ...SILENT, message: 'since 12:01' })).toBe(true)
  expect(saysElse(said(SILENT), FENCED)).toBe(true)
  expect(saysElse(undefined, SILENT)).toBe(true)
  expect(saysElse(said(SILENT), null)).toBe(true)
})
