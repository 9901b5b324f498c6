import { describe, expect, it } from 'vitest'
import { newestByMac, pickReported } from '../../../../agent/network/leases.ts'

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

describe('addresses that a guest reports', () => {
  const mac = '02:00:00:00:00:01'
  const ip = (addr: string, type = 0) => ({ addr, type })

  it('are those of the interface with our MAC', () => {
    const interfaces = [
      { hwaddr: null, addrs: [ip('127.0.0.1')] },
      { hwaddr: '02:00:00:00:00:02', addrs: [ip('10.0.0.2')] },
      { hwaddr: '02:00:00:00:00:01'.toUpperCase(), addrs: [ip('fe80::1', 1), ip('169.254.3.4'), ip('10.0.0.9')] },
    ]
    expect(pickReported(interfaces, mac)).toBe('10.0.0.9')
  })

  it('are not believed when they are no addresses', () => {
    expect(pickReported([{ hwaddr: mac, addrs: [ip('<script>'), ip('10.0.0.256'), ip('')] }], mac)).toBeUndefined()
    expect(pickReported([], mac)).toBeUndefined()
  })
})
