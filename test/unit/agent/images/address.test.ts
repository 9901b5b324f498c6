import { describe, expect, it } from 'vitest'
import { closedAddress, isAddress } from '../../../../agent/images/address.ts'

const OWN = ['192.0.2.7', '2001:db8::7', 'fe80::1%eth0']

describe('closedAddress', () => {
  const closed = [
    ['127.0.0.1', /loopback/],
    ['127.255.255.254', /loopback/],
    ['::1', /loopback/],
    ['0.0.0.0', /reserved/],
    ['0.1.2.3', /reserved/],
    ['::', /address of this host/],
    ['169.254.169.254', /link-local/],
    ['fe80::1', /link-local/],
    ['224.0.0.1', /multicast/],
    ['ff02::1', /multicast/],
    ['255.255.255.255', /reserved/],
    ['240.0.0.1', /reserved/],
    ['192.0.2.7', /address of this host/],
    ['2001:db8::7', /address of this host/],
    ['2001:0db8:0000:0000:0000:0000:0000:0007', /address of this host/],
    ['::ffff:127.0.0.1', /loopback/],
    ['::ffff:7f00:1', /loopback/],
    ['[::ffff:7f00:1]', /loopback/],
    ['::ffff:192.0.2.7', /address of this host/],
    ['::ffff:169.254.169.254', /link-local/],
    ['::ffff:0:7f00:1', /loopback/],
    ['::7f00:1', /loopback/],
    ['64:ff9b::7f00:1', /loopback/],
    ['64:ff9b::a9fe:a9fe', /link-local/],
    ['64:ff9b:1::7f00:1', /loopback/],
    ['64:ff9b:1:7f00:0:100:808:808', /loopback/],
    ['64:ff9b:1:a9fe:a9:fe00:808:808', /link-local/],
    ['2002:7f00:1::', /loopback/],
    ['2001:0:4136:e378:8000:63bf:80ff:fffe', /loopback/],
    ['not an address', /not an IP address/],
    ['127.1', /not an IP address/],
    ['0177.0.0.1', /not an IP address/],
  ] as const
  for (const [address, why] of closed) {
    it(`${address} is closed`, () => expect(closedAddress(address, OWN)).toMatch(why))
  }

  for (const address of [
    '192.0.2.8',
    '10.0.0.1',
    '172.16.3.4',
    '192.168.1.1',
    '8.8.8.8',
    '2606:4700::1111',
    'fd00::1',
    '::ffff:8.8.8.8',
  ]) {
    it(`${address} is open`, () => expect(closedAddress(address, OWN)).toBeNull())
  }
})

describe('what a URL makes of odd forms', () => {
  for (const host of [
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    '127.1',
    '0x7f000001',
    '[::ffff:127.0.0.1]',
    '[0:0:0:0:0:0:0:1]',
  ]) {
    it(`${host} ends up as a closed address`, () => {
      const { hostname } = new URL(`http://${host}/`)
      expect(isAddress(hostname)).toBe(true)
      expect(closedAddress(hostname, [])).toMatch(/loopback/)
    })
  }
})
