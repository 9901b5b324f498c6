// Which host is told in its lease that a machine is its own.
import { expect, it } from 'vitest'
import { isOwner } from '../../../scheduler/owner.ts'
import type { ClusterVmStatus, HostBinding } from '../../../schemas/index.ts'

const AT = '2026-01-01T00:00:00Z'
const placed: ClusterVmStatus = { placement: { node: 'h1', epoch: 1, since: AT } }
const moving = (from: string, to: string): ClusterVmStatus => ({
  ...placed,
  migration: {
    ...{ id: 'm', operation: 'o', startedAt: AT, since: AT, options: {} },
    from,
    to,
    epoch: 2,
    phase: 'Transferring',
  },
})
const has = (epoch: number): HostBinding => ({ spec: { epoch, role: 'Owner' }, status: { epoch } }) as HostBinding

it.each<readonly [string, ClusterVmStatus, Readonly<Record<string, HostBinding>>, boolean]>([
  ['the host that the machine was given to', placed, { h1: has(1) }, true],
  ['it, whose word has not reached it yet', placed, {}, true],
  ['a host that it is moving to', { ...moving('h2', 'h1') }, { h1: has(1) }, true],
  ['a host that it is leaving', moving('h1', 'h2'), { h1: has(1), h2: has(2) }, false],
  ['a host that it was taken from', { placement: { node: 'h2', epoch: 1, since: AT } }, { h1: has(1) }, false],
  ['a host that had it by an older epoch', { placement: { node: 'h1', epoch: 3, since: AT } }, { h1: has(1) }, false],
  ['the host that an older copy of the store names', placed, { h1: has(1), h2: has(2) }, false],
])('%s', (_, status, holders, owns) => {
  expect(isOwner('h1', 1, status, new Map(Object.entries(holders)))).toBe(owns)
})
