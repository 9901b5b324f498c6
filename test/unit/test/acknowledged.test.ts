import { describe, expect, it } from 'vitest'
import { Acknowledged, type Found } from '../../chaos/acknowledged.ts'

const KEY = 'VirtualMachine/a'
const there: Found = { has: () => true, value: () => '1' }
const gone: Found = { has: () => false, value: () => '' }

describe('what was acknowledged', () => {
  it('is there after a creation that was answered', () => {
    const ledger = new Acknowledged()
    ledger.creating(KEY).answered()
    expect(ledger.violations(there)).toEqual([])
    expect(ledger.violations(gone)).toEqual([`${KEY} was acknowledged, and is not there`])
    expect(ledger.possible('VirtualMachine')).toEqual(['a'])
    expect([ledger.certain(KEY), ledger.certain('VirtualMachine/b')]).toEqual([true, false])
  })

  it('is gone after a deletion that was answered', () => {
    const ledger = new Acknowledged()
    ledger.creating(KEY).answered()
    ledger.deleting(KEY).answered()
    expect(ledger.violations(gone)).toEqual([])
    expect(ledger.violations(there)).toEqual([`${KEY} was deleted, and is there`])
    expect(ledger.possible('VirtualMachine')).toEqual([])
  })

  for (const ask of ['creating', 'deleting'] as const)
    it(`may be either after ${ask} without an answer`, () => {
      const ledger = new Acknowledged()
      if (ask === 'deleting') ledger.creating(KEY).answered()
      ledger[ask](KEY)
      expect(ledger.violations(there)).toEqual([])
      expect(ledger.violations(gone)).toEqual([])
      expect(ledger.possible('VirtualMachine')).toEqual(['a'])
      expect(ledger.certain(KEY)).toBe(false)
    })

  it('is as before after a refusal', () => {
    const ledger = new Acknowledged()
    ledger.creating(KEY).refused('Invalid')
    expect(ledger.violations(there)).toHaveLength(1)
    ledger.creating(KEY).answered()
    ledger.deleting(KEY).refused('Conflict')
    expect(ledger.violations(gone)).toHaveLength(1)
    expect(ledger.violations(there)).toEqual([])
  })

  it('is settled by a refusal that tells what there is', () => {
    const ledger = new Acknowledged()
    ledger.creating(KEY)
    ledger.creating(KEY).refused('AlreadyExists')
    expect(ledger.violations(gone)).toHaveLength(1)
    ledger.deleting(KEY)
    ledger.deleting(KEY).refused('NotFound')
    expect(ledger.violations(there)).toHaveLength(1)
  })

  it('is contradicted by a refusal that says otherwise', () => {
    const ledger = new Acknowledged()
    ledger.creating(KEY).answered()
    ledger.deleting(KEY).refused('NotFound')
    expect(ledger.violations(gone)).toEqual([`${KEY} was acknowledged as there, and a refusal said that it is gone`])
  })

  it('has the value that was answered, or one that was asked for since', () => {
    const ledger = new Acknowledged()
    ledger.creating(KEY).answered()
    const with_ = (value: number): Found => ({ has: () => true, value: () => String(value) })
    ledger.changing(KEY, 'size', 2, 1).answered()
    expect(ledger.violations(with_(2))).toEqual([])
    expect(ledger.violations(with_(1))).toEqual([`size of ${KEY} is 1, acknowledged was 2`])
    ledger.changing(KEY, 'size', 3, 1)
    expect(ledger.violations(with_(3))).toEqual([])
    expect(ledger.violations(with_(2))).toEqual([])
    ledger.changing(KEY, 'size', 4, 1).refused('Invalid')
    expect(ledger.violations(with_(4))).toHaveLength(1)
  })

  it('asks nothing of values of an object that may be gone', () => {
    const ledger = new Acknowledged()
    ledger.creating(KEY).answered()
    ledger.changing(KEY, 'size', 2, 1).answered()
    ledger.deleting(KEY)
    expect(ledger.violations(gone)).toEqual([])
  })
})
