import { describe, expect, it } from 'vitest'
import { decideAccelerator } from '../../../../agent/host/accelerator.ts'
import { allocatableMemory, allocatableOf, capacityOf } from '../../../../agent/host/capacity.ts'
import { formatVersion } from '../../../../agent/host/versions.ts'

const good = { usable: true, message: 'KVM is fine.' }
const bad = { usable: false, message: 'KVM hangs.' }

describe('the accelerator', () => {
  it.each([
    ['auto', false, good, { use: 'kvm' }],
    ['auto', true, good, { use: 'kvm' }],
    ['auto', true, bad, { use: 'qemu', message: expect.stringContaining('KVM hangs.') }],
    ['auto', false, bad, { refused: expect.stringMatching(/allowEmulation: false.*KVM hangs\./) }],
    ['kvm', true, good, { use: 'kvm' }],
    ['kvm', true, bad, { refused: expect.stringMatching(/asks for KVM.*KVM hangs\./) }],
    ['emulation', true, good, { use: 'qemu' }],
    ['emulation', false, good, { refused: expect.stringContaining('allowEmulation: true') }],
  ] as const)('with accelerator %s, allowEmulation %s', (accelerator, allowEmulation, verdict, expected) => {
    expect(decideAccelerator({ accelerator, allowEmulation }, verdict)).toMatchObject(expected)
  })
})

describe('capacity', () => {
  const size = { cores: 16, memoryBytes: 64n * 1024n ** 3n }

  it('is the host as it is', () => {
    expect(capacityOf(size)).toEqual({ cpu: '16', memory: '67108864Ki' })
  })

  it('is allocatable less a reserve of memory, with CPUs overcommitted as configured', () => {
    expect(allocatableOf(size, 1)).toEqual({ cpu: '16', memory: '65095598Ki' })
    expect(allocatableOf({ ...size, cores: 3 }, 1.5).cpu).toBe('4500m')
    expect(allocatableOf({ ...size, cores: 2 }, 0.1).cpu).toBe('200m')
    expect(allocatableOf({ ...size, cores: 2 }, 100).cpu).toBe('200')
  })

  it.each([
    [512n, 256n],
    [2048n, 1536n],
    [102_400n, 99_328n],
  ])('of %i MiB of memory is %i MiB', (mib, expected) => {
    expect(allocatableMemory(mib * 1024n ** 2n) >> 20n).toBe(expected)
  })
})

describe('versions', () => {
  it('are unpacked', () => {
    expect(formatVersion(9_000_000)).toBe('9.0.0')
    expect(formatVersion(7_002_022n)).toBe('7.2.22')
    expect(formatVersion(11_010_001)).toBe('11.10.1')
  })
})
