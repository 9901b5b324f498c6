import { expect, it } from 'vitest'
import { AddressBook } from '../../../../agent/network/address-book.ts'
import type { LibvirtCall } from '../../../../agent/network/libvirt-call.ts'
import { NetworkUpdateCommand } from '../../../../lib/libvirt/constants.gen.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const net = { name: 'berth', uuid: '9e1b6d0c-3f57-4c61-8a3e-5d2f7c04b8a1' }
const [STAYS, LEFT, COMES, FOREIGN] = [
  '02:00:00:00:00:01',
  '02:00:00:00:00:02',
  '02:00:00:00:00:03',
  '52:54:00:00:00:04',
]

/** libvirt with the DHCP entries of one network: MAC -> address. */
function network(entries: Map<string, string>): LibvirtCall {
  const call = async (name: string, { command, xml = '' }: { command?: number; xml?: string }) => {
    if (name === 'NetworkGetDhcpLeases') return { leases: [] }
    if (name === 'NetworkGetXMLDesc') {
      const hosts = [...entries].map(([mac, ip]) => `<host mac='${mac}' ip='${ip}'/>`).join('')
      return { xml: `<network><ip><dhcp>${hosts}</dhcp></ip></network>` }
    }
    const [, mac = '', ip = ''] = /mac="([^"]*)" ip="([^"]*)"/.exec(xml) ?? []
    if (command === NetworkUpdateCommand.DELETE) entries.delete(mac)
    else entries.set(mac, ip)
    return {}
  }
  return { call } as unknown as LibvirtCall
}

it('an agent that was killed right after a guest had left: the next one lets go of what was reserved for it', async () => {
  const entries = new Map([
    [STAYS, '10.88.0.7'],
    [LEFT, '10.88.0.8'],
    [FOREIGN, '10.88.0.9'],
  ] as const) as Map<string, string>
  const clock = new ManualClock()
  let up = false
  const book = new AddressBook({
    libvirt: network(entries),
    clock,
    network: () => (up ? { net, cidr: '10.88.0.0/24', gateway: '10.88.0.1' } : null),
    onChange: () => undefined,
    isHere: (mac) => mac === STAYS,
  })
  book.start()
  await clock.advance(1_000)
  expect(entries.size).toBe(3)
  // The network comes late; by then a guest is on its way here with the address that the other one had.
  book.carry(COMES, '10.88.0.8')
  up = true
  await clock.advance(30_000)
  expect([...entries]).toEqual([
    [STAYS, '10.88.0.7'],
    [FOREIGN, '10.88.0.9'],
    [COMES, '10.88.0.8'],
  ])
  // Later entries are not looked through again.
  entries.set(LEFT, '10.88.0.10')
  await clock.advance(60_000)
  expect(entries.get(LEFT)).toBe('10.88.0.10')
  await book.stop()
})
