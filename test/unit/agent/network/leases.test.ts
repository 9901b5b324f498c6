import { describe, expect, it } from 'vitest'
import { newestByMac } from '../../../../agent/network/leases.ts'

const lease = (mac: string | null, ipaddr: string, expirytime: bigint, type = 0) => ({ mac, ipaddr, expirytime, type })

describe('DHCP leases', () => {
  it('give the address that ends last for each MAC, in small letters', () => {
    const leases = [
      lease('02:AA:00:00:00:01', '10.88.0.5', 10n),
      lease('02:aa:00:00:00:01', '10.88.0.6', 30n),
      lease('02:aa:00:00:00:01', '10.88.0.7', 20n),
      lease('02:aa:00:00:00:02', '10.88.0.8', 5n),
    ]
    expect(Object.fromEntries(newestByMac(leases))).toEqual({
      '02:aa:00:00:00:01': '10.88.0.6',
      '02:aa:00:00:00:02': '10.88.0.8',
    })
  })

  it('are left out when they are IPv6, without a MAC or no address', () => {
    const leases = [
      lease(null, '10.0.0.1', 1n),
      lease('02:00:00:00:00:01', 'fd00::1', 1n, 1),
      lease('02:00:00:00:00:02', 'x', 1n),
    ]
    expect(newestByMac(leases).size).toBe(0)
  })
})
