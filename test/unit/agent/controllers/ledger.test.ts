import { describe, expect, it } from 'vitest'
import { type Holding, Ledger } from '../../../../agent/controllers/virtualmachine/ledger.ts'

const GIB = 1024n ** 3n
const limits = { milliCores: 4_000, memoryBytes: 8n * GIB }
const ask = (vm: string, milliCores: number, memoryBytes = GIB, disks: readonly string[] = []): Holding => ({
  vm,
  milliCores,
  memoryBytes,
  disks,
})

describe('Ledger', () => {
  it('admits up to the limit and says in numbers why not beyond', () => {
    const ledger = new Ledger(limits)
    expect(ledger.admit('a', ask('ns/a', 3_000))).toBeNull()
    expect(ledger.admit('b', ask('ns/b', 1_500))).toBe('needs 1.5 cores, 1 of 4 are free')
    expect(ledger.admit('b', ask('ns/b', 1_000))).toBeNull()
    expect(ledger.admit('c', ask('ns/c', 10, 7n * GIB))).toMatch(/^needs 0.01 cores, 0 of 4/)
    ledger.release('a')
    expect(ledger.admit('c', ask('ns/c', 10, 7n * GIB + 1n))).toBe(
      'needs 7168 MiB of memory, 7168 MiB of 8192 MiB are free',
    )
  })
  it('a refusal reserves nothing, and asking again replaces what was held', () => {
    const ledger = new Ledger(limits)
    ledger.admit('a', ask('ns/a', 3_000))
    expect(ledger.admit('a', ask('ns/a', 4_000))).toBeNull()
    ledger.admit('b', ask('ns/b', 1))
    expect(ledger.used().milliCores).toBe(4_000)
  })
  it('gives a disk to one VM at a time', () => {
    const ledger = new Ledger(limits)
    expect(ledger.admit('a', ask('ns/a', 1, GIB, ['/d']))).toBeNull()
    expect(ledger.admit('b', ask('ns/b', 1, GIB, ['/d']))).toBe('a disk is in use by the virtual machine ns/a')
    expect(ledger.diskHolder('/d', 'b')).toBe('ns/a')
    expect(ledger.diskHolder('/d', 'a')).toBeNull()
  })
  it('gives a disk to a VM that runs unless another one has it, until its holding is recorded anew', () => {
    const ledger = new Ledger(limits)
    ledger.record('a', ask('ns/a', 1, GIB, ['/root']))
    expect(ledger.claimDisk('a', '/d')).toBeNull()
    expect(ledger.claimDisk('a', '/d')).toBeNull()
    expect(ledger.admit('b', ask('ns/b', 1, GIB, ['/d']))).toBe('a disk is in use by the virtual machine ns/a')
    ledger.record('b', ask('ns/b', 1, GIB, ['/other']))
    expect(ledger.claimDisk('b', '/d')).toBe('ns/a')
    expect(ledger.diskHolder('/root', 'b')).toBe('ns/a')
    ledger.record('a', ask('ns/a', 1, GIB, ['/root']))
    expect(ledger.claimDisk('b', '/d')).toBeNull()
    expect(ledger.diskHolder('/other', 'a')).toBe('ns/b')
  })
  it('records what runs already, whatever the limits say', () => {
    const ledger = new Ledger(limits)
    ledger.record('a', ask('ns/a', 9_000))
    expect(ledger.admit('b', ask('ns/b', 1))).toBe('needs 0.001 cores, 0 of 4 are free')
  })
})
