import { describe, expect, it } from 'vitest'
import {
  blockDevicesAreNamed,
  blockDevicesAreUnique,
  bootOrderIsUnique,
  coresFitTopology,
  gracePeriodIsInRange,
  mainNetworkIsFirst,
  memoryIsInRange,
} from '../../../../schemas/virtualmachine/rules-values.ts'
import { checkRules } from '../expect.ts'
import { virtualMachine as vm } from '../samples.ts'

const cores = (count: number) => vm({ cpu: { cores: count } })
const memory = (size: string) => vm({ memory: { size } })
const devices = (...blockDeviceRefs: ReturnType<typeof vm>['spec']['blockDeviceRefs']) => vm({ blockDeviceRefs })
const networks = (...list: NonNullable<ReturnType<typeof vm>['spec']['networks']>) => vm({ networks: list })
const grace = (seconds: number) => vm({ terminationGracePeriodSeconds: seconds })

checkRules([
  {
    rule: coresFitTopology,
    good: [1, 2, 15, 16, 18, 32, 36, 64, 72, 248].map((count) => [cores(count)]),
    bad: [
      [cores(0), 'spec.cpu.cores', /nearest possible: 1 /],
      [cores(-1), 'spec.cpu.cores', /nearest possible: 1 /],
      [cores(17), 'spec.cpu.cores', /nearest possible: 16 or 18 /],
      [cores(33), 'spec.cpu.cores', /nearest possible: 32 or 36 /],
      [cores(63), 'spec.cpu.cores', /nearest possible: 60 or 64 /],
      [cores(65), 'spec.cpu.cores', /nearest possible: 64 or 72 /],
      [cores(249), 'spec.cpu.cores', /nearest possible: 248 /],
      [cores(1e9), 'spec.cpu.cores', /nearest possible: 248 /],
    ],
  },
  {
    rule: memoryIsInRange,
    good: [[memory('4Mi')], [memory('512M')], [memory('1Ti')], [memory('1.5Gi')]],
    bad: [
      [memory('0'), 'spec.memory.size', /not between 4Mi and 1Ti/],
      [memory('-1Gi'), 'spec.memory.size', /not between/],
      [memory('4095Ki'), 'spec.memory.size', /not between/],
      [memory('1025Gi'), 'spec.memory.size', /not between/],
      [memory('100m'), 'spec.memory.size', /not between/],
      [memory('1GB'), 'spec.memory.size', /unknown unit "GB"/],
      [memory('9Ei'), 'spec.memory.size', /too large/],
    ],
  },
  {
    rule: blockDevicesAreNamed,
    good: [[devices({ kind: 'VirtualImage', name: 'a' })]],
    bad: [
      [devices({ name: 'a' }), 'spec.blockDeviceRefs[0].kind', /required/],
      [
        devices({ kind: 'VirtualDisk', name: 'a' }, { kind: 'VirtualDisk' }),
        'spec.blockDeviceRefs[1].name',
        /required/,
      ],
    ],
  },
  {
    rule: blockDevicesAreUnique,
    good: [[devices({ kind: 'VirtualDisk', name: 'a' }, { kind: 'VirtualImage', name: 'a' })], [devices({}, {})]],
    bad: [
      [
        devices(
          { kind: 'VirtualDisk', name: 'a' },
          { kind: 'VirtualDisk', name: 'b' },
          { kind: 'VirtualDisk', name: 'a' },
        ),
        'spec.blockDeviceRefs[2]',
        /VirtualDisk "a" is listed twice/,
      ],
    ],
  },
  {
    rule: bootOrderIsUnique,
    good: [
      [devices({ name: 'a', bootOrder: 2 }, { name: 'b', bootOrder: 1 })],
      [devices({ name: 'a' }, { name: 'b' })],
    ],
    bad: [
      [
        devices({ name: 'a', bootOrder: 1 }, { name: 'b', bootOrder: 1 }),
        'spec.blockDeviceRefs[1].bootOrder',
        /boot order 1 is taken/,
      ],
    ],
  },
  {
    rule: gracePeriodIsInRange,
    good: [[grace(0)], [grace(86_400)]],
    bad: [
      [grace(-1), 'spec.terminationGracePeriodSeconds', /between 0 and/],
      [grace(1e300), 'spec.terminationGracePeriodSeconds', /between 0 and/],
    ],
  },
  {
    rule: mainNetworkIsFirst,
    good: [
      [vm()],
      [networks()],
      [networks({ type: 'Main' })],
      [networks({ type: 'Main', id: 1 }, { type: 'Network' })],
    ],
    bad: [
      [networks({ type: 'Main' }, { type: 'Main' }), 'spec.networks[1].type', /first and only/],
      [networks({ type: 'Network' }, { type: 'Main' }), 'spec.networks[1].type', /first and only/],
      [networks({ type: 'Main', name: 'x' }), 'spec.networks[0].name', /no name/],
      [networks({ type: 'Main', id: 2 }), 'spec.networks[0].id', /id 1/],
    ],
  },
])

describe('both ends of a repeated boot order', () => {
  it('are named each', () => {
    const errors = bootOrderIsUnique(devices({ bootOrder: 1 }, { bootOrder: 1 }, { bootOrder: 1 }))
    expect(errors.map(({ path }) => path)).toEqual([
      'spec.blockDeviceRefs[1].bootOrder',
      'spec.blockDeviceRefs[2].bootOrder',
    ])
  })
})
