import { expect, it } from 'vitest'
import { moveCalls } from '../../../../agent/migration/calls.ts'
import { DomainMigrateFlags as Flag, fromParams } from '../../../../lib/libvirt/index.ts'

const has = (flags: number, flag: number) => (flags & flag) !== 0

it('the guest does not run at the target before the target has decided', () => {
  const { source, target } = moveCalls({ options: {}, disks: [], tls: true })
  expect(has(target, Flag.PAUSED)).toBe(true)
  for (const flag of [Flag.LIVE, Flag.PERSIST_DEST, Flag.UNDEFINE_SOURCE, Flag.TLS]) {
    expect(has(source, flag)).toBe(true)
    expect(has(target, flag)).toBe(true)
  }
  for (const flag of [Flag.PEER2PEER, Flag.TUNNELLED, Flag.NON_SHARED_INC, Flag.NON_SHARED_DISK])
    expect(has(source | target, flag)).toBe(false)
})

it('libvirt refuses PAUSED with POSTCOPY', () => {
  const { source, target } = moveCalls({ options: { postCopy: true }, disks: [], tls: true })
  expect(has(target, Flag.PAUSED)).toBe(false)
  expect(has(source, Flag.POSTCOPY) && has(target, Flag.POSTCOPY)).toBe(true)
})

it('auto-converge is for the source alone', () => {
  const { source, target } = moveCalls({ options: { autoConverge: true }, disks: [], tls: true })
  expect(has(source, Flag.AUTO_CONVERGE)).toBe(true)
  expect(has(target, Flag.AUTO_CONVERGE)).toBe(false)
})

it('disks that go along are copied above their bases, and named', () => {
  const { source, params } = moveCalls({ options: {}, disks: ['sda', 'sdb'], tls: true })
  expect(has(source, Flag.NON_SHARED_INC)).toBe(true)
  expect(
    params()
      .filter(({ field }) => field === 'migrate_disks')
      .map(({ value }) => value.value),
  ).toEqual(['sda', 'sdb'])
})

it.each([
  [{}, 640n],
  [{ bandwidthMiBps: 20 }, 20n],
  [{ bandwidthMiBps: 0 }, undefined],
])('bandwidth of %o', (options, expected) => {
  expect(fromParams(moveCalls({ options, disks: [], tls: true }).params()).bandwidth).toBe(expected)
})

it('the cap holds in post-copy too', () => {
  const cap = (options: object) =>
    fromParams(moveCalls({ options, disks: [], tls: true }).params())['bandwidth.postcopy']
  expect(cap({ postCopy: true, bandwidthMiBps: 20 })).toBe(20n)
  expect(cap({ postCopy: true, bandwidthMiBps: 0 })).toBeUndefined()
  expect(cap({ bandwidthMiBps: 20 })).toBeUndefined()
})

it('several connections', () => {
  const { source, target, params } = moveCalls({ options: { parallelConnections: 4 }, disks: [], tls: false })
  expect(has(source & target, Flag.PARALLEL)).toBe(true)
  expect(has(source | target, Flag.TLS)).toBe(false)
  expect(fromParams(params())['parallel.connections']).toBe(4)
})

it('the other QEMU is known by its name in the cluster', () => {
  const named = (tls: boolean) =>
    fromParams(moveCalls({ options: {}, disks: [], tls, peerName: 'h2.node.cluster.berth' }).params())[
      'tls.destination'
    ]
  expect(named(true)).toBe('h2.node.cluster.berth')
  expect(named(false)).toBeUndefined()
})
