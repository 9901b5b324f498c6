import { describe, expect, it } from 'vitest'
import { domainXml, metadataXml, observeDomain, parseMetadata } from '../../../../lib/domain/index.ts'
import { XmlError } from '../../../../lib/xml/index.ts'
import { full, metadata, small } from './plans.ts'

/** As libvirt 9.0 writes a running domain, shortened. */
const RUNNING = `<domain type='qemu' id='15'>
  <name>default.first-vm</name>
  <uuid>6F3B1C1E-5A43-4B8A-9B69-0C5D8F6A2F11</uuid>
  <memory unit='KiB'>262144</memory>
  <vcpu placement='static'>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <on_reboot>restart</on_reboot>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='/d/root.qcow2' index='2'/>
      <backingStore type='file' index='4'><format type='raw'/><source file='/i/a.raw'/><backingStore/></backingStore>
      <target dev='sda' bus='scsi'/><alias name='ua-vd-root'/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sdb' bus='scsi'/><readonly/></disk>
    <interface type='network'>
      <mac address='02:11:22:33:44:55'/><source network='berth' portid='x' bridge='berth0'/><target dev='vnet3'/>
    </interface>
    <serial type='pty'><source path='/dev/pts/4'/><log file='/c/first.log' append='on'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
  </devices>
</domain>`

describe('observing a domain', () => {
  it('reads what libvirt says about a running one', () => {
    expect(observeDomain(RUNNING)).toEqual({
      name: 'default.first-vm',
      uuid: metadata.uid,
      id: 15,
      type: 'qemu',
      immovable: [],
      machine: 'pc-q35-7.2',
      memoryBytes: 268_435_456n,
      currentMemoryBytes: 268_435_456n,
      vcpus: 1,
      currentVcpus: 1,
      firmware: 'bios',
      onReboot: 'restart',
      disks: [
        {
          target: 'sda',
          bus: 'scsi',
          device: 'disk',
          path: '/d/root.qcow2',
          format: 'qcow2',
          alias: 'ua-vd-root',
          readonly: false,
          backing: ['/i/a.raw'],
        },
        { target: 'sdb', bus: 'scsi', device: 'cdrom', readonly: true, backing: [] },
      ],
      nics: [{ mac: '02:11:22:33:44:55', network: 'berth', bridge: 'berth0', hostDevice: 'vnet3' }],
      consolePty: '/dev/pts/4',
      serialLogPath: '/c/first.log',
      guestAgentConnected: true,
    })
  })

  it('finds in our own XML what the plan said', () => {
    expect(observeDomain(domainXml(full))).toMatchObject({
      name: full.name,
      uuid: full.uuid,
      type: 'kvm',
      machine: full.machine,
      memoryBytes: full.memoryBytes,
      vcpus: 18,
      shares: 512,
      cpuMode: 'custom',
      cpuModel: 'Nehalem',
      firmware: 'efi',
      nvramPath: '/var/lib/berth/nvram/prod.database.fd',
      onReboot: 'destroy',
      metadata: full.metadata,
    })
    expect(
      observeDomain(domainXml(full)).disks.map((d) => [d.target, d.serial, d.bootOrder, d.backing.length]),
    ).toEqual([
      ['sda', 'vd-root', 2, 2],
      ['sdb', 'vi-installer', 1, 0],
      ['sdq', undefined, undefined, 0],
      ['sdz', undefined, undefined, 0],
    ])
  })

  it('takes a domain that is not ours', () => {
    const foreign = `<domain type='lxc'><name>x</name><metadata><o:x xmlns:o='urn:other'>{}</o:x></metadata></domain>`
    expect(observeDomain(foreign)).toMatchObject({
      name: 'x',
      uuid: '',
      machine: '',
      memoryBytes: 0n,
      currentMemoryBytes: 0n,
      vcpus: 0,
      currentVcpus: 0,
      disks: [],
    })
    expect(observeDomain(foreign)).not.toHaveProperty('metadata')
  })

  it('knows our metadata by its namespace, not by its prefix', () => {
    const xml = domainXml(small).replaceAll('berth:', 'q:').replace('xmlns:berth', 'xmlns:q')
    expect(observeDomain(xml).metadata).toEqual(metadata)
    const stolen = domainXml(small).replace('https://berth.dev/domain/1', 'https://example.org')
    expect(observeDomain(stolen)).not.toHaveProperty('metadata')
  })

  it('refuses another document', () => {
    expect(() => observeDomain('<network/>')).toThrow(XmlError)
  })
})

describe('metadata', () => {
  it.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a field missing', JSON.stringify({ ...metadata, uid: undefined })],
    ['a field of another type', JSON.stringify({ ...metadata, stoppedManually: 'no' })],
    ['a negative epoch', JSON.stringify({ ...metadata, epoch: -1 })],
    ['a fractional generation', JSON.stringify({ ...metadata, generation: 1.5 })],
    ['a time of another type', JSON.stringify({ ...metadata, startedAt: 5 })],
  ])('is not taken with %s', (_what, json) => {
    expect(parseMetadata(json)).toBeUndefined()
  })

  it('is read back, unknown fields left out', () => {
    expect(parseMetadata(JSON.stringify({ ...metadata, more: 1 }))).toEqual(metadata)
  })

  it('is one element without a prefix for a change on a running domain', () => {
    expect(metadataXml(metadata)).toMatch(/^<domain>\{"namespace":"default",.*\}<\/domain>\n$/)
  })
})
