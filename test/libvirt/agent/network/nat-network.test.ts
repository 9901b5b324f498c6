import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { AddressBook } from '../../../../agent/network/address-book.ts'
import { parseAddresses, parseRoutes } from '../../../../agent/network/host-addresses.ts'
import { ensureNatNetwork, NAT_NETWORK_UUID } from '../../../../agent/network/index.ts'
import { allLeases, newestByMac } from '../../../../agent/network/leases.ts'
import { readReservations } from '../../../../agent/network/reservations.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { domainXml, nicXml, observeDomain } from '../../../../lib/domain/index.ts'
import { LibvirtPool, type Network } from '../../../../lib/libvirt/index.ts'
import { startLibvirtd, type TestLibvirtd } from '../../../support/libvirtd.ts'
import { small } from '../../../unit/lib/domain/plans.ts'

const signal = AbortSignal.timeout(170_000)
let libvirtd: TestLibvirtd
let pool: LibvirtPool

beforeAll(async () => {
  libvirtd = await startLibvirtd()
  pool = new LibvirtPool({ socketPath: libvirtd.socketPath, uri: 'qemu:///system' })
  await pool.connect()
})

afterEach(async () => {
  const { nets } = await pool.call('ConnectListAllNetworks', { needResults: 1, flags: 0 })
  for (const net of nets) {
    const { active } = await pool.call('NetworkIsActive', { net })
    if (active !== 0) await pool.call('NetworkDestroy', { net })
    await pool.call('NetworkUndefine', { net })
  }
})

afterAll(async () => {
  await pool?.close()
  await libvirtd?.stop()
})

const ip = async (...args: string[]) => String((await libvirtd.run('ip', args)).stdout)

/** What `ip` says inside libvirtd's network namespace, where the agent of a real host would be. */
async function readHost() {
  const [addresses, routes] = await Promise.all([
    ip('-json', 'addr'),
    ip('-json', '-4', 'route', 'show', 'table', 'all'),
  ])
  const { cidrs, interfaces } = parseAddresses(addresses)
  return { cidrs: [...cidrs, ...parseRoutes(routes)], interfaces }
}

const addresses = async (net: Network) => newestByMac(await allLeases(pool, net, signal))

const ensure = (options: { cidr?: string } = {}) => ensureNatNetwork({ libvirt: pool, readHost, ...options }, signal)

async function state() {
  const { net } = await pool.call('NetworkLookupByUUID', { uuid: NAT_NETWORK_UUID })
  const [{ active }, { autostart }] = await Promise.all([
    pool.call('NetworkIsActive', { net }),
    pool.call('NetworkGetAutostart', { net }),
  ])
  return { active, autostart }
}

const FOREIGN = `<network><name>berth</name><forward mode='nat'/><bridge name='berth0'/>
  <ip address='10.88.0.1' netmask='255.255.255.0'/></network>`

describe('the NAT network on a real libvirt', () => {
  it('is made, runs, does not start by itself, and is found again', async () => {
    const made = await ensure()
    expect(made).toMatchObject({ name: 'berth', bridge: 'berth0', cidr: '10.88.0.0/24', gateway: '10.88.0.1' })
    expect(await state()).toEqual({ active: 1, autostart: 0 })
    expect(await ip('-4', 'addr', 'show', 'berth0')).toContain('inet 10.88.0.1/24')
    expect(made.started).toBe(true)
    expect(await ensure()).toEqual({ ...made, started: false })
  })

  it('starts again, where it was, after libvirt stopped it', async () => {
    const made = await ensure()
    await pool.call('NetworkDestroy', { net: made.net })
    expect(await ensure()).toEqual(made)
    expect(await state()).toMatchObject({ active: 1 })
  })

  it('keeps clear of a foreign network with our name, bridge and subnet, and does not touch it', async () => {
    const { net } = await pool.call('NetworkDefineXML', { xml: FOREIGN })
    const { xml } = await pool.call('NetworkGetXMLDesc', { net, flags: 0 })
    expect(await ensure()).toMatchObject({ name: 'berth-1', bridge: 'berth1', cidr: '10.88.1.0/24' })
    expect((await pool.call('NetworkGetXMLDesc', { net, flags: 0 })).xml).toBe(xml)
    expect((await pool.call('NetworkIsActive', { net })).active).toBe(0)
  })

  it('moves to another subnet when its own was taken while it was down', async () => {
    const made = await ensure()
    await pool.call('NetworkDestroy', { net: made.net })
    await ip('link', 'add', 'taken0', 'type', 'bridge')
    try {
      await ip('addr', 'add', '10.88.0.9/24', 'dev', 'taken0')
      await ip('link', 'set', 'taken0', 'up')
      expect(await ensure()).toMatchObject({ name: 'berth', cidr: '10.88.1.0/24', net: { uuid: NAT_NETWORK_UUID } })
    } finally {
      await ip('link', 'del', 'taken0')
    }
  })

  it('tries on where only libvirt knows that a subnet is taken', async () => {
    await ip('link', 'add', 'hidden0', 'type', 'bridge')
    try {
      await ip('addr', 'add', '10.88.0.9/24', 'dev', 'hidden0')
      await ip('link', 'set', 'hidden0', 'up')
      const blind = async () => ({ cidrs: [], interfaces: [] })
      const made = await ensureNatNetwork({ libvirt: pool, readHost: blind }, signal)
      expect(made).toMatchObject({ bridge: 'berth0', cidr: '10.88.1.0/24' })
      await expect(ensure({ cidr: '10.88.0.0/24' })).resolves.toEqual({ ...made, started: false })
      await pool.call('NetworkDestroy', { net: made.net })
      await expect(ensure({ cidr: '10.88.0.0/24' })).rejects.toThrow(/already in use by interface hidden0/)
    } finally {
      await ip('link', 'del', 'hidden0')
    }
  })

  it('knows the address that its DHCP server gave a MAC', async () => {
    const { net, name, bridge } = await ensure()
    const mac = '02:11:22:33:44:66'
    expect(await addresses(net)).toEqual(new Map())
    // A veth end with the guest's MAC in a network namespace of its own asks as a guest would.
    await libvirtd.run('bash', ['-c', dhcpClient(bridge, mac)])
    // dnsmasq answers first and tells libvirt's helper afterwards.
    await vi.waitFor(
      async () => expect([...(await addresses(net))]).toEqual([[mac, expect.stringMatching(/^10\.88\.0\.\d+$/)]]),
      10_000,
    )
    expect(name).toBe('berth')
  })

  it('keeps the address with which a guest came for it alone, until the guest is gone', async () => {
    const network = await ensure()
    const bookOf = (...here: readonly string[]) =>
      new AddressBook({
        libvirt: pool,
        clock: systemClock,
        network: () => network,
        onChange: () => undefined,
        isHere: (one) => here.includes(one),
      })
    const book = bookOf()
    const [mac, other, stranger] = ['02:11:22:33:44:88', '02:11:22:33:44:99', '02:11:22:33:44:aa']
    const waits = { timeout: 20_000, interval: 100 }
    book.start()
    try {
      book.carry(mac, '10.88.0.77')
      await vi.waitFor(() => expect(book.knownAddress(mac)).toBe('10.88.0.77'), waits)
      book.carry(other, '10.88.0.77')
      book.carry(stranger, '10.99.0.5')
      await vi.waitFor(() => {
        expect(book.problemOf(other)).toMatch(/10\.88\.0\.77, which another guest has here \(02:11:22:33:44:88\)/)
        expect(book.problemOf(stranger)).toMatch(/10\.99\.0\.5, which is not of this host's network 10\.88\.0\.0\/24/)
      }, waits)
      expect([book.problemOf(mac), book.knownAddress(other)]).toEqual([null, null])
      // dnsmasq knows it: the guest gets it again when it asks.
      await libvirtd.run('bash', ['-c', dhcpClient(network.bridge, mac)])
      await vi.waitFor(async () => expect((await addresses(network.net)).get(mac)).toBe('10.88.0.77'), waits)
      expect([...(await readReservations(pool, network.net, signal))]).toEqual([[mac, '10.88.0.77']])
      book.forget(mac)
      await vi.waitFor(async () => expect((await readReservations(pool, network.net, signal)).size).toBe(0), waits)
      book.carry(stranger, '10.88.0.79')
      book.carry(other, '10.88.0.78')
      await vi.waitFor(async () => expect((await readReservations(pool, network.net, signal)).size).toBe(2), waits)
    } finally {
      await book.stop()
    }
    // The agent was killed, and one of the guests has left.
    const next = bookOf(other)
    next.start()
    try {
      await vi.waitFor(
        async () => expect([...(await readReservations(pool, network.net, signal))]).toEqual([[other, '10.88.0.78']]),
        waits,
      )
    } finally {
      await next.stop()
    }
  })

  it('takes a NIC into a running domain', async () => {
    const { name, bridge } = await ensure()
    const plan = { ...small, disks: [], nics: [], memoryBytes: 67_108_864n }
    const { dom } = await pool.call('DomainDefineXMLFlags', { xml: domainXml(plan), flags: 1 })
    const mac = '02:11:22:33:44:77'
    try {
      await pool.call('DomainCreateWithFlags', { dom, flags: 1 })
      const xml = nicXml({ mac, network: name, alias: 'ua-net0' })
      await pool.call('DomainAttachDeviceFlags', { dom, xml, flags: 1 })
      const seen = observeDomain((await pool.call('DomainGetXMLDesc', { dom, flags: 0 })).xml)
      expect(seen.nics).toMatchObject([
        { mac, network: name, bridge, alias: 'ua-net0', hostDevice: expect.stringMatching(/^vnet/) },
      ])
    } finally {
      await pool.call('DomainDestroy', { dom })
      await pool.call('DomainUndefineFlags', { dom, flags: 0 })
    }
  })
})

const dhcpClient = (bridge: string, mac: string) => `set -e
  ip link add guest0 type veth peer name guest1
  ip link set guest0 address ${mac}
  ip link set guest1 master ${bridge} up
  ip link set guest0 up
  busybox udhcpc -i guest0 -n -q -f -t 10 -T 1 -s /bin/true
  ip link del guest0`
