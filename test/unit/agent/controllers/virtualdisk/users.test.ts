import { describe, expect, it } from 'vitest'
import { goDuration } from '../../../../../agent/controllers/virtualdisk/duration.ts'
import { deviceKey, imageOf, someOf, usedDevices, useOf } from '../../../../../agent/controllers/virtualdisk/users.ts'
import type { VirtualDisk, VirtualMachine } from '../../../../../schemas/index.ts'

type Device = { readonly kind: string; readonly name: string; readonly attached?: boolean; readonly target?: string }

const vm = (phase: string | undefined, spec: readonly Device[], status: readonly Device[]): VirtualMachine =>
  ({
    kind: 'VirtualMachine',
    metadata: { name: 'vm', namespace: 'ns' },
    spec: { blockDeviceRefs: spec },
    status: { ...(phase === undefined ? {} : { phase }), blockDeviceRefs: status },
  }) as unknown as VirtualMachine

const root = { kind: 'VirtualDisk', name: 'root' }
const cd = { kind: 'ClusterVirtualImage', name: 'cd' }
const key = deviceKey('VirtualDisk', 'ns', 'root')

describe('useOf', () => {
  const rows: readonly [string, VirtualMachine, { named: boolean; mounted: boolean; holds: boolean }][] = [
    [
      'running with it',
      vm('Running', [root], [{ ...root, attached: true }]),
      { named: true, mounted: true, holds: true },
    ],
    [
      'running, taken out of the spec, still there',
      vm('Running', [], [{ ...root, attached: true }]),
      { named: false, mounted: true, holds: true },
    ],
    [
      'running, about to get it',
      vm('Running', [root], [{ ...root, attached: false, target: 'sdb' }]),
      { named: true, mounted: false, holds: true },
    ],
    [
      'running, to get it when it is ready',
      vm('Running', [root], [{ ...root, attached: false }]),
      { named: true, mounted: false, holds: false },
    ],
    ['starting', vm('Starting', [root], [{ ...root, attached: false }]), { named: true, mounted: false, holds: true }],
    ['stopped', vm('Stopped', [root], [{ ...root, attached: true }]), { named: true, mounted: false, holds: false }],
    ['waiting', vm('Pending', [root], [{ ...root, attached: false }]), { named: true, mounted: false, holds: false }],
    ['new', vm(undefined, [root], []), { named: true, mounted: false, holds: false }],
    [
      'with a disk of the same name in the cluster',
      vm('Running', [cd], [{ ...cd, attached: true }]),
      { named: false, mounted: false, holds: false },
    ],
  ]
  for (const [title, machine, expected] of rows) it(title, () => expect(useOf(machine, key)).toMatchObject(expected))
})

describe('keys', () => {
  it('a VM counts for what it names and for what it has, once', () => {
    expect(usedDevices(vm('Running', [root, cd], [{ ...root, attached: true }]))).toEqual([
      'VirtualDisk/ns/root',
      'ClusterVirtualImage//cd',
    ])
  })

  it('a disk counts for its image only', () => {
    const disk = (dataSource: object): VirtualDisk =>
      ({
        kind: 'VirtualDisk',
        metadata: { name: 'd', namespace: 'ns' },
        spec: { dataSource },
      }) as unknown as VirtualDisk
    expect(imageOf(disk({ type: 'ObjectRef', objectRef: { kind: 'VirtualImage', name: 'i' } }))).toBe(
      'VirtualImage/ns/i',
    )
    expect(imageOf(disk({ type: 'ObjectRef', objectRef: { kind: 'ClusterVirtualImage', name: 'i' } }))).toBe(
      'ClusterVirtualImage//i',
    )
    expect(imageOf(disk({ type: 'HTTP', http: { url: 'http://a/' } }))).toBeNull()
  })
})

describe('small words', () => {
  it('lists a few', () => {
    expect(someOf(['a'])).toBe('a')
    expect(someOf(['a', 'b', 'c'])).toBe('a, b, c')
    expect(someOf(['a', 'b', 'c', 'd'])).toBe('a, b, c and others')
  })

  it('prints durations as Go does', () => {
    expect([-5, 0, 999, 61_000, 3_600_000, 7_205_000].map(goDuration)).toEqual([
      '0s',
      '0s',
      '1s',
      '1m1s',
      '1h0m0s',
      '2h0m5s',
    ])
  })
})
