import { expect, it } from 'vitest'
import { handedOver } from '../../../../scheduler/placement/handed-over.ts'
import type { ClusterDiskStatus, ClusterVmStatus } from '../../../../schemas/index.ts'

const [BEFORE, NOW] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']
const AT_H1: ClusterVmStatus = { placement: { node: 'h1', epoch: 4, since: BEFORE } }

it('has the next epoch at its new host, and the earlier one has to let go', () => {
  expect(handedOver(AT_H1, { to: 'h2', since: NOW })).toEqual({
    placement: { node: 'h2', epoch: 5, since: NOW },
    leaving: [{ node: 'h1', epoch: 4, since: NOW }],
  })
})

it('goes above every epoch that any host was ever told', () => {
  const status = { ...AT_H1, epoch: 7, leaving: [{ node: 'h3', epoch: 9, since: BEFORE }] }
  expect(handedOver(status, { to: 'h2', since: NOW }).placement?.epoch).toBe(10)
})

it('leaves each host once, with the newest epoch, and not the one that gets it', () => {
  const leaving = ['h1', 'h2', 'h3'].map((node, index) => ({ node, epoch: index + 1, since: BEFORE }))
  expect(handedOver({ ...AT_H1, leaving }, { to: 'h2', since: NOW }).leaving).toEqual([
    { node: 'h3', epoch: 3, since: BEFORE },
    { node: 'h1', epoch: 4, since: NOW },
  ])
})

it('is not asked of the earlier host before the migration has ended', () => {
  expect(handedOver(AT_H1, { to: 'h2', since: NOW, until: 'op' }).leaving).toEqual([
    { node: 'h1', epoch: 4, since: NOW, until: 'op' },
  ])
})

it('keeps what else is known, and forgets that it was idle: it was given away because it is to run', () => {
  const disk: ClusterDiskStatus = { ...AT_H1, folder: 'f1' }
  expect(handedOver(disk, { to: 'h2', since: NOW }).folder).toBe('f1')
  const idle = { placement: { node: 'h1', epoch: 4, since: BEFORE, idle: true } }
  expect(handedOver(idle, { to: 'h2', since: NOW }).placement).toEqual({ node: 'h2', epoch: 5, since: NOW })
})

it('is not given to anybody while nobody has it', () => {
  const status: ClusterVmStatus = { epoch: 3 }
  expect(handedOver(status, { to: 'h2', since: NOW })).toBe(status)
})
