import { describe, expect, it } from 'vitest'
import { fileAt, goAlong, inShared } from '../../../../agent/migration/paths.ts'
import { destinationXml, METADATA_URI, observeDomain } from '../../../../lib/domain/index.ts'
import { XmlError } from '../../../../lib/xml/index.ts'
import type { StorageClass } from '../../../../schemas/index.ts'

const UID = '0d9f4a52-8f4e-4b8e-9d7c-0b9f6a1c2d3e'
const DISK = '11111111-2222-4333-8444-555555555555'
const DIGEST = 'a'.repeat(64)

it.each([
  [`/var/lib/berth/disks/${DISK}.qcow2`, { kind: 'disk', uid: DISK }],
  [`/srv/fast/disks/${DISK}.qcow2`, { kind: 'disk', uid: DISK }],
  [`/var/lib/berth/images/sha256/${DIGEST}`, { kind: 'content', digest: DIGEST }],
  [`/x/nvram/${UID}.fd`, { kind: 'nvram', uid: UID }],
  [`/x/console/${UID}.log`, { kind: 'console', uid: UID }],
  [`/x/seeds/${UID}.0123456789abcdef.iso`, { kind: 'seed', uid: UID }],
  [`/x/disks/${DISK}.raw`, null],
  [`/x/disks/../../etc/shadow`, null],
  [`/x/disks/.././disks/${DISK}.qcow2`, null],
  ['/etc/shadow', null],
  ['', null],
])('%s', (path, expected) => {
  expect(fileAt(path)).toEqual(expected)
})

const note = {
  namespace: 'default',
  name: 'web',
  uid: UID,
  epoch: 1,
  generation: 3,
  specJson: '{}',
  digest: 'd',
  stoppedManually: false,
}
const xml = `<domain type='kvm' id='7'><name>default.web</name><uuid>${UID}</uuid>
<metadata><berth:domain xmlns:berth="${METADATA_URI}">${JSON.stringify(note).replaceAll('"', '&quot;')}</berth:domain></metadata>
<memory unit='KiB'>262144</memory><vcpu>1</vcpu>
<os><type machine='pc-q35-7.2'>hvm</type><loader type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/a/nvram/${UID}.fd</nvram></os>
<devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a/disks/${DISK}.qcow2' index='2'/><backingStore type='file' index='3'><format type='qcow2'/><source file='/a/images/sha256/${DIGEST}'/><backingStore/></backingStore><target dev='sda' bus='scsi'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/nfs/disks/${UID}.qcow2'/><target dev='sdb' bus='scsi'/></disk>
<disk type='file' device='cdrom'><source file='/a/seeds/${UID}.0123456789abcdef.iso'/><target dev='sdz' bus='scsi'/><readonly/></disk>
<interface type='network'><source network='berth'/></interface>
<serial type='pty'><log file='/a/console/${UID}.log' append='on'/></serial>
<tpm model='tpm-crb'><backend type='emulator' version='2.0' persistent_state='yes'/></tpm>
</devices></domain>`
const NFS = [
  { metadata: { name: 'nfs' }, parameters: { shared: 'true', path: '/srv/nfs' } },
] as unknown as readonly StorageClass[]

describe('the domain at its destination', () => {
  const locate = (path: string) => (path.startsWith('/srv/nfs/') ? path : path.replace(/^\/a\//, '/b/'))
  const moved = destinationXml(xml, { locate, epoch: 5 })

  it('has every file in its place there', () => {
    expect(moved).not.toContain('/a/')
    const there = observeDomain(moved)
    expect(there.disks.map(({ path }) => path)).toEqual([
      `/b/disks/${DISK}.qcow2`,
      `/srv/nfs/disks/${UID}.qcow2`,
      `/b/seeds/${UID}.0123456789abcdef.iso`,
    ])
    expect(there.disks[0]?.backing).toEqual([`/b/images/sha256/${DIGEST}`])
    expect(there.nvramPath).toBe(`/b/nvram/${UID}.fd`)
    expect(there.serialLogPath).toBe(`/b/console/${UID}.log`)
    expect(moved).toContain('/usr/share/OVMF/OVMF_VARS_4M.fd')
    expect(moved).toContain(`network="berth"`)
    expect(moved).toContain('<backend type="emulator" version="2.0" persistent_state="yes"/>')
  })

  it('says by which epoch it runs', () => {
    expect(observeDomain(moved).metadata).toEqual({ ...note, epoch: 5 })
  })

  it('is refused with a file that has no place there', () => {
    expect(() => destinationXml(xml, { locate: () => null, epoch: 5 })).toThrow(XmlError)
    expect(() => destinationXml(xml, { locate: () => null, epoch: 5 })).toThrow(/has no place on this host/)
    expect(() => destinationXml('<network/>', { locate, epoch: 5 })).toThrow(XmlError)
  })
})

it('what the guest may write on this host alone goes along', () => {
  expect(goAlong(xml, inShared(NFS)).map(({ target }) => target)).toEqual(['sda'])
  expect(goAlong(xml, inShared([])).map(({ target }) => target)).toEqual(['sda', 'sdb'])
})
