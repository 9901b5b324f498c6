import { describe, expect, it } from 'vitest'
import { chooseBridge, chooseName, chooseSubnet, parseSubnet } from '../../../../agent/network/choose-subnet.ts'

describe('choosing a subnet', () => {
  it('takes the first candidate of an idle host', () => {
    expect(chooseSubnet([])).toEqual({
      cidr: '10.88.0.0/24',
      gateway: '10.88.0.1',
      netmask: '255.255.255.0',
      firstLease: '10.88.0.2',
      lastLease: '10.88.0.254',
    })
  })

  it.each([
    ['an address of the host in it', ['10.88.0.7/24'], '10.88.1.0/24'],
    ['a host route in it', ['10.88.0.9'], '10.88.1.0/24'],
    ['a small block at its end', ['10.88.0.252/30'], '10.88.1.0/24'],
    ['a wider block over several', ['10.88.0.0/22'], '10.88.4.0/24'],
    ['a route over the whole range', ['10.0.0.0/8'], '172.28.0.0/24'],
    ['routes over two ranges', ['10.0.0.0/8', '172.16.0.0/12'], '192.168.128.0/24'],
    ['blocks elsewhere', ['192.168.122.1/24', '172.17.0.0/16', '127.0.0.1/8'], '10.88.0.0/24'],
    ['a default route', ['0.0.0.0/0'], '10.88.0.0/24'],
    ['the two halves of a VPN', ['0.0.0.0/1', '128.0.0.0/1'], '10.88.0.0/24'],
    ['texts that are no block', ['default', '', '10.88.0.0/99', 'fe80::1/64', '300.1.1.1'], '10.88.0.0/24'],
  ])('keeps clear of %s', (_what, inUse, cidr) => {
    expect(chooseSubnet(inUse)?.cidr).toBe(cidr)
  })

  it('does not come back to what was refused', () => {
    expect(chooseSubnet(['10.88.1.0/24'], ['10.88.0.0/24'])?.cidr).toBe('10.88.2.0/24')
  })

  it('says when nothing is free', () => {
    expect(chooseSubnet(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'])).toBeUndefined()
  })

  it.each([
    ['10.1.2.3/20', { cidr: '10.1.0.0/20', gateway: '10.1.0.1', netmask: '255.255.240.0', lastLease: '10.1.15.254' }],
    ['192.168.7.8/30', { cidr: '192.168.7.8/30', firstLease: '192.168.7.10', lastLease: '192.168.7.10' }],
    ['200.0.0.0/8', { cidr: '200.0.0.0/8', lastLease: '200.255.255.254' }],
  ])('takes %s from an operator', (cidr, expected) => {
    expect(parseSubnet(cidr)).toMatchObject(expected)
  })

  it.each(['10.0.0.0/31', '10.0.0.1', '10.0.0.0/7', 'ten', '10.0.0.0/24/1', '::/64'])('refuses %s', (cidr) => {
    expect(parseSubnet(cidr)).toBeUndefined()
  })
})

describe('choosing names', () => {
  it('takes the first bridge name that nobody has', () => {
    expect(chooseBridge([])).toBe('berth0')
    expect(chooseBridge(['berth0', 'virbr0', 'berth2'])).toBe('berth1')
  })

  it('takes another network name when ours belongs to someone else', () => {
    expect(chooseName(['default'])).toBe('berth')
    expect(chooseName(['default', 'berth', 'berth-1'])).toBe('berth-2')
  })
})
