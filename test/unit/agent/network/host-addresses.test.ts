import { describe, expect, it } from 'vitest'
import { parseAddresses, parseRoutes, readHostAddresses } from '../../../../agent/network/host-addresses.ts'

/** From `ip -json addr show`, shortened. */
const ADDR = JSON.stringify([
  {
    ifname: 'lo',
    addr_info: [
      { family: 'inet', local: '127.0.0.1', prefixlen: 8 },
      { family: 'inet6', local: '::1', prefixlen: 128 },
    ],
  },
  { ifname: 'eth0', addr_info: [{ family: 'inet', local: '192.0.2.10', prefixlen: 24 }] },
  { ifname: 'tap0', addr_info: [] },
  {},
])
const ROUTES = JSON.stringify([
  { dst: 'default', gateway: '192.0.2.1', dev: 'eth0' },
  { dst: '10.0.0.0/8', gateway: '192.0.2.2' },
  { type: 'blackhole', dst: '172.28.0.0/16' },
  { dst: '192.0.2.255', type: 'broadcast', table: 'local' },
])

describe('what the host uses', () => {
  it('is read from the addresses of all interfaces', () => {
    expect(parseAddresses(ADDR)).toEqual({
      interfaces: ['lo', 'eth0', 'tap0'],
      cidrs: ['127.0.0.1/8', '192.0.2.10/24'],
    })
  })

  it('is read from all routes but the default one', () => {
    expect(parseRoutes(ROUTES)).toEqual(['10.0.0.0/8', '172.28.0.0/16', '192.0.2.255'])
  })

  it('may be nothing', () => {
    expect(parseRoutes('')).toEqual([])
    expect(parseRoutes('{}')).toEqual([])
    expect(() => parseRoutes('oops')).toThrow(SyntaxError)
  })

  it('is what this machine says', async () => {
    const { cidrs, interfaces } = await readHostAddresses(AbortSignal.timeout(9_000))
    expect(interfaces).toContain('lo')
    expect(cidrs).toContain('127.0.0.1/8')
  })
})
