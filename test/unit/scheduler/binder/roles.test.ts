import { describe, expect, it } from 'vitest'
import { type HostRole, heldRoles, machineRoles } from '../../../../scheduler/binder/roles.ts'
import type { ClusterVmStatus, MigrationRecord } from '../../../../schemas/index.ts'

const since = '2026-01-01T00:00:00Z'
const url = (node: string) => `https://${node}:8750`
const place = (node: string, epoch: number) => ({ node, epoch, since })

const record = (phase: MigrationRecord['phase'], more: Partial<MigrationRecord> = {}): MigrationRecord => ({
  id: 'op',
  operation: 'move',
  from: 'h1',
  to: 'h2',
  epoch: 2,
  phase,
  startedAt: since,
  since,
  options: {},
  ...more,
})
/** `h1 Owner 1 Source go`, in short. */
const inShort = (roles: readonly HostRole[]): readonly string[] =>
  roles.map(({ node, role, epoch, migration }) =>
    [
      node,
      role,
      epoch,
      ...(migration === undefined ? [] : [`${migration.side}->${migration.peer.node}@${migration.epoch}`]),
      ...(migration?.go ? ['go'] : []),
      ...(migration?.cancel ? ['cancel'] : []),
      ...(migration?.resolution ? [migration.resolution] : []),
    ].join(' '),
  )
const of = (status: ClusterVmStatus) => inShort(machineRoles(status, url))

describe('what hosts are told of a machine', () => {
  it('without a place: nothing; a host that it left: to let go', () => {
    expect(of({})).toEqual([])
    expect(of({ leaving: [place('h1', 3)] })).toEqual(['h1 Released 3'])
    expect(of({ placement: place('h2', 4), leaving: [place('h1', 3)] })).toEqual(['h2 Owner 4', 'h1 Released 4'])
  })
  it('a host that it left and came back to: the newer word alone', () => {
    expect(of({ placement: place('h1', 5), leaving: [place('h1', 3)] })).toEqual(['h1 Owner 5'])
  })
  it.each([
    ['Preparing', {}, ['h1 Owner 1', 'h2 Target 2 Target->h1@2']],
    ['Prepared', {}, ['h1 Owner 1', 'h2 Target 2 Target->h1@2']],
    ['Prepared', { cancel: true }, ['h1 Owner 1', 'h2 Target 2 Target->h1@2 cancel']],
    ['Transferring', {}, ['h1 Owner 1 Source->h2@2 go', 'h2 Target 2 Target->h1@2']],
    ['Transferring', { cancel: true }, ['h1 Owner 1 Source->h2@2 go cancel', 'h2 Target 2 Target->h1@2 cancel']],
    ['Failed', {}, ['h1 Owner 1']],
  ] as const)('while it moves: %s %o', (phase, more, expected) => {
    expect(of({ placement: place('h1', 1), migration: record(phase, more) })).toEqual(expected)
  })
  it('committed: the target owns it, the source is not told to let go before it has cleaned up', () => {
    const left = { ...place('h1', 1), until: 'op' }
    const base = { placement: place('h2', 2), leaving: [left] }
    expect(of({ ...base, migration: record('Committed') })).toEqual([
      'h2 Owner 2 Target->h1@2',
      'h1 Owner 1 Source->h2@2 go',
    ])
    expect(of({ ...base, migration: record('Cleaned') })).toEqual(['h2 Owner 2', 'h1 Released 2'])
  })
  it('failed: the target lets go', () => {
    expect(of({ placement: place('h1', 1), leaving: [place('h2', 2)], migration: record('Failed') })).toEqual([
      'h1 Owner 1',
      'h2 Released 2',
    ])
  })
  it('decided for the source: an epoch above what the target may have committed, and the target lets go', () => {
    const migration = record('Transferring', { resolution: 'KeepSource' })
    expect(of({ placement: place('h1', 3), leaving: [place('h2', 2)], migration })).toEqual([
      'h1 Owner 3 Source->h2@2 go KeepSource',
      'h2 Released 3',
    ])
  })
  it('a peer without an address: nobody is told of the migration', () => {
    const nobody = () => null
    expect(inShort(machineRoles({ placement: place('h1', 1), migration: record('Preparing') }, nobody))).toEqual([
      'h1 Owner 1',
    ])
  })
  it('a peer that was removed while the outcome is open: the source keeps its part, and does not think that it has the machine', () => {
    const h1Alone = (node: string) => (node === 'h1' ? url(node) : null)
    const roles = machineRoles({ placement: place('h1', 1), migration: record('Transferring') }, h1Alone)
    expect(inShort(roles)).toEqual(['h1 Owner 1 Source->h2@2 go', 'h2 Target 2 Target->h1@2'])
    expect(roles[0]?.migration?.peer.url).toMatch(/\.invalid$/)
  })
})

describe('what hosts are told of a disk', () => {
  it('while its machine moves it stays; then the old host lets go', () => {
    const status = { placement: place('h2', 2), leaving: [{ ...place('h1', 1), until: 'op' }] }
    expect(inShort(heldRoles(status, record('Committed')))).toEqual(['h2 Owner 2', 'h1 Owner 1'])
    expect(inShort(heldRoles(status, null))).toEqual(['h2 Owner 2', 'h1 Released 2'])
  })
})
