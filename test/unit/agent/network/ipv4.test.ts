import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isGuestAddress,
  netmask,
  overlaps,
  parseBlock,
  prefixOf,
  sizeOf,
  toAddress,
  toCidr,
  toNumber,
} from '../../../../agent/network/ipv4.ts'

const block = fc
  .record({ address: fc.nat({ max: 2 ** 32 - 1 }), prefix: fc.integer({ min: 0, max: 32 }) })
  .map(({ address, prefix }) => ({ base: address - (address % sizeOf(prefix)), prefix }))

describe('IPv4 blocks', () => {
  it('are read back from what is written', () => {
    const roundTrip = fc.property(block, (b) => {
      expect(parseBlock(toCidr(b))).toEqual(b)
      expect(toNumber(toAddress(b.base))).toBe(b.base)
    })
    fc.assert(roundTrip)
  })

  it('overlap exactly when one holds an end of the other', () => {
    const within = (x: number, b: { base: number; prefix: number }) => x >= b.base && x < b.base + sizeOf(b.prefix)
    const property = fc.property(block, block, (a, b) => {
      const expected = within(a.base, b) || within(b.base, a)
      expect(overlaps(a, b)).toBe(expected)
      expect(overlaps(b, a)).toBe(expected)
    })
    fc.assert(property)
  })

  it('have netmasks for every prefix', () => {
    expect([netmask(0), netmask(8), netmask(20), netmask(32)]).toEqual([
      '0.0.0.0',
      '255.0.0.0',
      '255.255.240.0',
      '255.255.255.255',
    ])
    for (let prefix = 0; prefix <= 32; prefix++) expect(prefixOf(netmask(prefix))).toBe(prefix)
    expect(prefixOf('255.0.255.0')).toBeUndefined()
    expect(prefixOf('mask')).toBeUndefined()
  })
})

it.each([
  ['10.88.0.2', true],
  ['10.88.0.254', true],
  ['10.88.0.1', false],
  ['10.88.0.0', false],
  ['10.88.0.255', false],
  ['10.88.1.2', false],
  ['127.0.0.1', false],
  ['169.254.169.254', false],
  ['', false],
  ['10.88.0.2/24', false],
])('%s of a guest in 10.88.0.0/24 behind 10.88.0.1: %s', (address, wanted) => {
  expect(isGuestAddress(address, { cidr: '10.88.0.0/24', gateway: '10.88.0.1' })).toBe(wanted)
})
