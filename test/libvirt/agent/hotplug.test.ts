// Disks and images that come to and leave a running domain, on a real libvirt: what runs and its definition stay in step.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DomainRef, viewDomain } from '../../../agent/controllers/virtualmachine/observe.ts'
import { DomainSteps } from '../../../agent/controllers/virtualmachine/steps.ts'
import { type DiskPlan, type DomainPlan, diskAlias, diskXml, observeDomain } from '../../../lib/domain/index.ts'
import { LibvirtPool } from '../../../lib/libvirt/index.ts'
import { startLibvirtd, type TestLibvirtd } from '../../support/libvirtd.ts'
import { waitFor } from '../../support/wait.ts'
import { small } from '../../unit/lib/domain/plans.ts'

/** VIR_DOMAIN_XML_INACTIVE, VIR_DOMAIN_AFFECT_LIVE, VIR_DOMAIN_AFFECT_CONFIG */
const INACTIVE = 2
const LIVE = 1
const CONFIG = 2

const { signal } = new AbortController()
let libvirtd: TestLibvirtd
let pool: LibvirtPool
let steps: DomainSteps
let dom: DomainRef

beforeAll(async () => {
  libvirtd = await startLibvirtd()
  pool = new LibvirtPool({ socketPath: libvirtd.socketPath, uri: 'qemu:///system' })
  await pool.connect()
  steps = new DomainSteps(pool)
  const files = join(libvirtd.dir, 'files')
  await mkdir(files)
  for (const name of ['root', 'data']) await execa('qemu-img', ['create', '-q', '-f', 'qcow2', path(name), '1M'])
  for (const name of ['cd', 'image']) await execa('qemu-img', ['create', '-q', '-f', 'raw', path(name), '1M'])
  dom = (await steps.define(plan(), signal)).dom
  await steps.start(dom, signal)
})

afterAll(async () => {
  await pool?.close()
  await libvirtd?.stop()
})

const path = (name: string) => join(libvirtd.dir, 'files', name)
const uidOf = (name: string) => `00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padStart(12, '0')}`

const disk = (name: string, target: string, over: Partial<DiskPlan> = {}): DiskPlan => ({
  target,
  bus: 'scsi',
  device: 'disk',
  path: path(name),
  format: 'qcow2',
  readonly: false,
  serial: uidOf(name).replaceAll('-', '').slice(0, 20),
  alias: diskAlias(uidOf(name), true),
  discard: true,
  ...over,
})

function plan(): DomainPlan {
  const { shares: _none, ...cpu } = small.cpu
  const { serialLogPath: _log, seed: _seed, ...rest } = small
  const disks = [disk('root', 'sda', { bootOrder: 1, alias: diskAlias(uidOf('root'), false) })]
  return { ...rest, accelerator: 'qemu', memoryBytes: 33_554_432n, cpu, firmware: { kind: 'bios' }, disks, nics: [] }
}

const targets = async (flags: number) =>
  observeDomain((await pool.call('DomainGetXMLDesc', { dom, flags })).xml)
    .disks.map(({ target }) => target)
    .join(' ')
const running = () => targets(0)
const defined = () => targets(INACTIVE)
const untilRunning = (wanted: string) =>
  waitFor(`disks ${wanted}`, 20, async () => (await running()) === wanted, running)

it('a disk, a CD-ROM and a read-only image come and go; the definition follows', async () => {
  await steps.attachDisk(dom, disk('data', 'sdb', { bootOrder: 2 }), signal)
  await steps.attachDisk(
    dom,
    disk('cd', 'sdc', { device: 'cdrom', readonly: true, format: 'raw', discard: false }),
    signal,
  )
  await steps.attachDisk(dom, disk('image', 'sdd', { readonly: true, format: 'raw', discard: false }), signal)
  expect([await running(), await defined()]).toEqual(['sda sdb sdc sdd', 'sda sdb sdc sdd'])
  const seen = (await viewDomain(pool, dom, signal))?.observed.disks ?? []
  expect(seen.map(({ device, readonly, bootOrder }) => [device, readonly, bootOrder])).toEqual([
    ['disk', false, 1],
    ['disk', false, 2],
    ['cdrom', true, undefined],
    ['disk', true, undefined],
  ])
  for (const name of ['data', 'cd', 'image']) await steps.detachDisk(dom, diskAlias(uidOf(name), true), signal)
  await untilRunning('sda')
  expect(await defined()).toBe('sda')
})

it('is told when a disk is gone, by an event', async () => {
  const ending = new AbortController()
  const events = pool.events(['deviceRemoved'], { signal: ending.signal })
  await events.ready
  const data = disk('data', 'sdb')
  await steps.attachDisk(dom, data, signal)
  await steps.detachDisk(dom, data.alias, signal)
  for await (const event of events) {
    expect(event).toMatchObject({ kind: 'deviceRemoved', devAlias: data.alias, dom: { uuid: small.uuid } })
    break
  }
  ending.abort()
  expect(await running()).toBe('sda')
})

it('brings what runs in step with a definition that is behind or ahead of it', async () => {
  const data = disk('data', 'sdb')
  const attach = (flags: number) => pool.call('DomainAttachDeviceFlags', { dom, xml: diskXml(data), flags })
  // Ahead: a removal that the guest took its time for, a disk that libvirtd attached before it was killed.
  await attach(CONFIG)
  await steps.attachDisk(dom, data, signal)
  expect([await running(), await defined()]).toEqual(['sda sdb', 'sda sdb'])
  await pool.call('DomainDetachDeviceAlias', { dom, alias: data.alias, flags: CONFIG })
  await steps.detachDisk(dom, data.alias, signal)
  await untilRunning('sda')
  // Behind: attached to what runs alone.
  await attach(LIVE)
  await steps.detachDisk(dom, data.alias, signal)
  await untilRunning('sda')
  expect(await defined()).toBe('sda')
})

it('says why when libvirt refuses, and nothing has changed', async () => {
  await expect(steps.attachDisk(dom, disk('none', 'sdb'), signal)).rejects.toThrow(/none/)
  await expect(steps.attachDisk(dom, disk('data', 'sdb', { bootOrder: 1 }), signal)).rejects.toThrow(/boot order/)
  await expect(steps.detachDisk(dom, diskAlias(uidOf('none'), true), signal)).rejects.toThrow(/no device found/)
  expect([await running(), await defined()]).toEqual(['sda', 'sda'])
})

it('writes into both what the domain is made of by now', async () => {
  const metadata = { ...small.metadata, specJson: '{"blockDeviceRefs":[]}' }
  await steps.setMetadata(dom, metadata, signal)
  for (const flags of [0, INACTIVE]) {
    const { xml } = await pool.call('DomainGetXMLDesc', { dom, flags })
    expect(observeDomain(xml).metadata?.specJson).toBe(metadata.specJson)
  }
})
