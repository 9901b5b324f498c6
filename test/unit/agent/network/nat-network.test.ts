import { describe, expect, it } from 'vitest'
import { parseSubnet } from '../../../../agent/network/choose-subnet.ts'
import type { LibvirtCall } from '../../../../agent/network/index.ts'
import { ensureNatNetwork, NAT_NETWORK_UUID, NatNetworkError } from '../../../../agent/network/index.ts'
import { networkXml, observeNetwork } from '../../../../agent/network/network-xml.ts'
import { LibvirtError } from '../../../../lib/libvirt/index.ts'

interface FakeNetwork {
  xml: string
  active: boolean
}

/** A libvirt that knows networks by UUID, refuses to start those on `inUse`, and fails loudly on any other call. */
class FakeLibvirt {
  readonly networks = new Map<string, FakeNetwork>()
  readonly calls: string[] = []
  readonly inUse: readonly string[]

  constructor(inUse: readonly string[] = []) {
    this.inUse = inUse
  }

  add(xml: string, active: boolean): void {
    this.networks.set(observeNetwork(xml).uuid, { xml, active })
  }

  readonly caller: LibvirtCall = {
    call: async (name, args) =>
      this.answer(name, args as { uuid?: string; xml?: string; net?: { uuid: string } }) as never,
  }

  answer(name: string, args: { uuid?: string; xml?: string; net?: { uuid: string } }): unknown {
    const net = (uuid: string) => ({ uuid, name: observeNetwork(this.find(uuid).xml).name })
    this.calls.push(name)
    switch (name) {
      case 'NetworkLookupByUUID':
        return { net: net(args.uuid ?? '') }
      case 'ConnectListAllNetworks':
        return { nets: [...this.networks.keys()].map(net), ret: this.networks.size }
      case 'NetworkGetXMLDesc':
        return { xml: this.find(args.net?.uuid ?? '').xml }
      case 'NetworkIsActive':
        return { active: this.find(args.net?.uuid ?? '').active ? 1 : 0 }
      case 'NetworkDefineXML': {
        const { uuid } = observeNetwork(args.xml ?? '')
        this.networks.set(uuid, { xml: args.xml ?? '', active: false })
        return { net: net(uuid) }
      }
      case 'NetworkCreate': {
        const found = this.find(args.net?.uuid ?? '')
        const { gateway } = observeNetwork(found.xml)
        if (this.inUse.includes(gateway ?? '')) throw failure(1, 'Network is already in use by interface eth0')
        found.active = true
        return {}
      }
      default:
        throw new Error(`the test did not expect ${name}`)
    }
  }

  find(uuid: string): FakeNetwork {
    const found = this.networks.get(uuid)
    if (found === undefined) throw failure(43, `Network not found: no network with matching uuid '${uuid}'`)
    return found
  }
}

const failure = (code: number, message: string) => new LibvirtError('test', { code, domain: 19, level: 2, message })

const plan = (uuid: string, name: string, bridge: string, cidr: string) => {
  const subnet = parseSubnet(cidr)
  if (subnet === undefined) throw new Error(cidr)
  return networkXml({ uuid, name, bridge, subnet })
}
const OTHER = '11111111-2222-4333-8444-555555555555'
const signal = AbortSignal.timeout(9_000)
const idle = async () => ({ cidrs: ['192.0.2.1/24'], interfaces: ['lo', 'eth0'] })

describe('the NAT network', () => {
  it('is defined and started where there is none', async () => {
    const libvirt = new FakeLibvirt()
    const network = await ensureNatNetwork({ libvirt: libvirt.caller, readHost: idle }, signal)
    expect(network).toEqual({
      net: { uuid: NAT_NETWORK_UUID, name: 'berth' },
      name: 'berth',
      bridge: 'berth0',
      cidr: '10.88.0.0/24',
      gateway: '10.88.0.1',
      started: true,
    })
    expect(libvirt.find(NAT_NETWORK_UUID)).toMatchObject({ active: true })
  })

  it('is left alone when it runs, however the host has changed', async () => {
    const libvirt = new FakeLibvirt()
    libvirt.add(plan(NAT_NETWORK_UUID, 'berth', 'berth3', '10.88.7.0/24'), true)
    const options = {
      libvirt: libvirt.caller,
      cidr: '10.5.0.0/24',
      readHost: () => Promise.reject(new Error('not needed')),
    }
    expect(await ensureNatNetwork(options, signal)).toMatchObject({ bridge: 'berth3', cidr: '10.88.7.0/24' })
    expect(libvirt.calls).not.toContain('NetworkDefineXML')
  })

  it('is started again on the subnet it had', async () => {
    const libvirt = new FakeLibvirt()
    libvirt.add(plan(NAT_NETWORK_UUID, 'berth', 'berth3', '10.88.7.0/24'), false)
    expect(await ensureNatNetwork({ libvirt: libvirt.caller, readHost: idle }, signal)).toMatchObject({
      cidr: '10.88.7.0/24',
    })
    expect(libvirt.calls).not.toContain('NetworkDefineXML')
  })

  it('keeps clear of names, bridges and subnets of others, running or not, and touches none', async () => {
    const libvirt = new FakeLibvirt()
    const foreign = plan(OTHER, 'berth', 'berth0', '10.88.0.0/24')
    libvirt.add(foreign, false)
    const readHost = async () => ({ cidrs: ['10.88.1.0/24'], interfaces: ['berth1'] })
    const network = await ensureNatNetwork({ libvirt: libvirt.caller, readHost }, signal)
    expect(network).toMatchObject({ name: 'berth-1', bridge: 'berth2', cidr: '10.88.2.0/24' })
    expect(libvirt.find(OTHER)).toEqual({ xml: foreign, active: false })
  })

  it('moves on when libvirt refuses the start', async () => {
    const libvirt = new FakeLibvirt(['10.88.7.1', '10.88.0.1', '10.88.1.1'])
    libvirt.add(plan(NAT_NETWORK_UUID, 'berth', 'berth3', '10.88.7.0/24'), false)
    const network = await ensureNatNetwork({ libvirt: libvirt.caller, readHost: idle }, signal)
    expect(network).toMatchObject({ name: 'berth', cidr: '10.88.2.0/24' })
  })

  it('gives up after five subnets, with libvirt saying why', async () => {
    const libvirt = new FakeLibvirt(Array.from({ length: 99 }, (_, i) => `10.88.${i}.1`))
    const attempt = ensureNatNetwork({ libvirt: libvirt.caller, readHost: idle }, signal)
    await expect(attempt).rejects.toThrow(/on 5 subnets: Network is already in use by interface eth0/)
    await expect(attempt).rejects.toBeInstanceOf(NatNetworkError)
    expect(libvirt.calls.filter((name) => name === 'NetworkCreate')).toHaveLength(5)
  })

  it('takes the subnet that the operator asked for and no other', async () => {
    const libvirt = new FakeLibvirt(['10.5.0.1'])
    libvirt.add(plan(NAT_NETWORK_UUID, 'berth', 'berth0', '10.88.7.0/24'), false)
    const ask = (cidr: string) => ensureNatNetwork({ libvirt: libvirt.caller, cidr, readHost: idle }, signal)
    await expect(ask('10.5.0.0/24')).rejects.toThrow(/cannot start the NAT network: Network is already in use/)
    expect(await ask('10.6.0.0/16')).toMatchObject({ name: 'berth', cidr: '10.6.0.0/16' })
    await expect(ask('10.6.0.0')).rejects.toThrow(/network.cidr: "10.6.0.0" is not/)
  })

  it('says when no subnet is free', async () => {
    const readHost = async () => ({ cidrs: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'], interfaces: [] })
    const attempt = ensureNatNetwork({ libvirt: new FakeLibvirt().caller, readHost }, signal)
    await expect(attempt).rejects.toThrow(/no private subnet is free/)
  })

  it('does not retry what is no refusal', async () => {
    const libvirt = new FakeLibvirt()
    const lost = new Error('connection lost')
    const caller: LibvirtCall = {
      call: (name, args) => (name === 'NetworkCreate' ? Promise.reject(lost) : libvirt.caller.call(name, args)),
    }
    await expect(ensureNatNetwork({ libvirt: caller, readHost: idle }, signal)).rejects.toBe(lost)
  })
})
