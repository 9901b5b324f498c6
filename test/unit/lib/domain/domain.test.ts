import { describe, expect, it } from 'vitest'
import {
  type DomainPlan,
  DomainPlanError,
  domainXml,
  type NicPlan,
  observeDomain,
} from '../../../../lib/domain/index.ts'
import { at, childrenOf, parseXml, XmlError } from '../../../../lib/xml/index.ts'
import { full, plans, small } from './plans.ts'

const [disk] = small.disks
const [nic] = small.nics
if (disk === undefined || nic === undefined) throw new Error('the small plan has a disk and a NIC')

describe('domain XML', () => {
  it.each(Object.entries(plans))('of the plan %s is the golden file', async (name, plan) => {
    await expect(domainXml(plan)).toMatchFileSnapshot(`../../../fixtures/domains/${name}.xml`)
  })

  it('has the same bytes for an equal plan whatever the order of its keys', () => {
    const reversed = Object.fromEntries(Object.entries(structuredClone(full)).reverse())
    expect(domainXml({ ...full, ...reversed })).toBe(domainXml(full))
  })

  it('has a port for each device and the spare ones', () => {
    const ports = (plan: DomainPlan) => {
      const devices = at(parseXml(domainXml(plan)), 'devices')
      const controllers = devices === undefined ? [] : childrenOf(devices, 'controller')
      return controllers.filter((c) => c.attrs.model === 'pcie-root-port').length
    }
    expect(ports(small)).toBe(16)
    expect(ports({ ...small, nics: [nic, { ...nic, alias: 'ua-net1' }] })).toBe(17)
    expect(ports({ ...small, guestAgent: false, nics: [], restartPorts: 11 })).toBe(15)
  })

  it('lists the PCI root before its ports', () => {
    const models = [...domainXml(small).matchAll(/type="pci" index="(\d+)" model="([a-z-]+)"/g)].map((m) => m[2])
    expect(models[0]).toBe('pcie-root')
    expect(new Set(models.slice(1))).toEqual(new Set(['pcie-root-port']))
  })

  it('writes CPU shares only when there are some', () => {
    expect(domainXml(small)).not.toContain('cputune')
    expect(domainXml(full)).toContain('<shares>512</shares>')
  })

  it.each([`a"/><boot dev='x'/>`, "it's <b>&amp;", '/tmp/ü ñ \u{1F600}', '</source>'])(
    'keeps the hostile text %j in its place',
    (text) => {
      const hostile: NicPlan = { ...nic, network: text }
      const plan = {
        ...small,
        name: text,
        disks: [{ ...disk, path: text, backing: [{ path: text, format: 'raw' as const }] }],
        nics: [hostile],
        serialLogPath: text,
        metadata: { ...small.metadata, name: text, specJson: text },
      }
      const seen = observeDomain(domainXml(plan))
      expect(seen.name).toBe(text)
      expect(seen.disks.map((d) => [d.path, d.backing])).toEqual([[text, [text]]])
      expect(seen.nics[0]?.network).toBe(text)
      expect(seen.serialLogPath).toBe(text)
      expect(seen.metadata).toEqual(plan.metadata)
    },
  )

  it('refuses a path that XML cannot hold', () => {
    expect(() => domainXml({ ...small, disks: [{ ...disk, path: '/tmp/\u0007' }] })).toThrow(XmlError)
  })

  it('holds a spec with any character that JSON holds', () => {
    const metadata = { ...small.metadata, specJson: JSON.stringify({ a: '\u0000\u001F\uFFFE\uFFFF\uD800' }) }
    const back = observeDomain(domainXml({ ...small, metadata })).metadata
    expect(JSON.parse(back?.specJson ?? '')).toEqual({ a: '\u0000\u001F\uFFFE\uFFFF\uD800' })
  })

  it.each<[string, DomainPlan, RegExp]>([
    [
      'a passed-through CPU under emulation',
      { ...small, cpu: { ...small.cpu, model: { kind: 'host-passthrough' } } },
      /under emulation/,
    ],
    ['Hyper-V under emulation', { ...small, hyperV: true }, /hyperV: emulation has no/],
    ['fewer than ten spare ports', { ...small, restartPorts: 9 }, /restartPorts: 9, at least 10/],
    ['no memory', { ...small, memoryBytes: 0n }, /memoryBytes: 0/],
    ['a foreign alias', { ...small, disks: [{ ...disk, alias: 'scsi0' }] }, /alias: "scsi0"/],
    ['an alias of two devices', { ...small, nics: [{ ...nic, alias: disk.alias }] }, /two have the alias/],
    [
      'a target of two disks',
      { ...small, disks: [disk, { ...disk, alias: 'ua-x', bootOrder: 2 }] },
      /two have the target "sda"/,
    ],
    [
      'a boot order of two disks',
      { ...small, disks: [disk, { ...disk, alias: 'ua-x', target: 'sdb' }] },
      /two have the bootOrder 1/,
    ],
    ['the target of the seed', { ...small, disks: [{ ...disk, target: 'sdz' }] }, /sdz is kept for the seed/],
    ['a target outside the controller', { ...small, disks: [{ ...disk, target: 'sdaa' }] }, /target: "sdaa"/],
    ['a serial that libvirt refuses', { ...small, disks: [{ ...disk, serial: 'a/b' }] }, /serial: "a\/b"/],
    ['a serial that is too long', { ...small, disks: [{ ...disk, serial: 'x'.repeat(37) }] }, /serial:/],
  ])('refuses %s', (_what, plan, message) => {
    expect(() => domainXml(plan)).toThrow(DomainPlanError)
    expect(() => domainXml(plan)).toThrow(message)
  })
})
