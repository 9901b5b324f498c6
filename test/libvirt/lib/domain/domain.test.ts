import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type DomainPlan,
  diskXml,
  domainXml,
  METADATA_KEY,
  METADATA_URI,
  metadataXml,
  observeDomain,
} from '../../../../lib/domain/index.ts'
import { type Domain, LibvirtPool } from '../../../../lib/libvirt/index.ts'
import { startLibvirtd, type TestLibvirtd } from '../../../support/libvirtd.ts'
import { full, plans, small } from '../../../unit/lib/domain/plans.ts'

/** VIR_DOMAIN_DEFINE_VALIDATE: checked against libvirt's own schema. */
const VALIDATE = 1
/** VIR_DOMAIN_UNDEFINE_NVRAM */
const UNDEFINE_NVRAM = 4
/** VIR_DOMAIN_START_PAUSED: the machine is built, the guest does not run. */
const PAUSED = 1
/** VIR_DOMAIN_METADATA_ELEMENT */
const ELEMENT = 2
/** VIR_DOMAIN_AFFECT_LIVE */
const LIVE = 1

let libvirtd: TestLibvirtd
let pool: LibvirtPool
let files = ''

beforeAll(async () => {
  libvirtd = await startLibvirtd()
  pool = new LibvirtPool({ socketPath: libvirtd.socketPath, uri: 'qemu:///system' })
  await pool.connect()
  files = join(libvirtd.dir, 'files')
  await mkdir(files)
  await image('base.raw', ['-f', 'raw'], '8M')
  await image('middle.qcow2', ['-f', 'qcow2', '-b', join(files, 'base.raw'), '-F', 'raw'])
  await image('root.qcow2', ['-f', 'qcow2', '-b', join(files, 'middle.qcow2'), '-F', 'qcow2'])
  await image('data.raw', ['-f', 'raw'], '8M')
  await image('cd.iso', ['-f', 'raw'], '1M')
})

afterAll(async () => {
  await pool?.close()
  await libvirtd?.stop()
})

const image = (name: string, args: readonly string[], ...size: string[]) =>
  execa('qemu-img', ['create', '-q', ...args, join(files, name), ...size])

async function define(plan: DomainPlan): Promise<Domain> {
  return (await pool.call('DomainDefineXMLFlags', { xml: domainXml(plan), flags: VALIDATE })).dom
}

const remove = (dom: Domain) => pool.call('DomainUndefineFlags', { dom, flags: UNDEFINE_NVRAM })

async function observe(dom: Domain) {
  return observeDomain((await pool.call('DomainGetXMLDesc', { dom, flags: 0 })).xml)
}

/** The full plan on files that are there, without what this private host has not. */
function startable(): DomainPlan {
  const { shares: _none, ...cpu } = full.cpu
  const [root, cd, data] = full.disks
  if (root === undefined || cd === undefined || data === undefined) throw new Error('the full plan has three disks')
  const at = (name: string) => join(files, name)
  return {
    ...full,
    accelerator: 'qemu',
    memoryBytes: 134_217_728n,
    cpu: { ...cpu, sockets: 2, coresPerSocket: 1 },
    firmware: {
      kind: 'efi',
      codePath: '/usr/share/OVMF/OVMF_CODE_4M.fd',
      varsTemplate: '/usr/share/OVMF/OVMF_VARS_4M.fd',
      nvramPath: at('vars.fd'),
    },
    disks: [
      {
        ...root,
        path: at('root.qcow2'),
        backing: [
          { path: at('middle.qcow2'), format: 'qcow2' },
          { path: at('base.raw'), format: 'raw' },
        ],
      },
      { ...cd, path: at('cd.iso') },
      { ...data, path: at('data.raw') },
    ],
    seed: { path: at('cd.iso') },
    nics: [],
    serialLogPath: at('console.log'),
    restartPorts: 10,
  }
}

describe('domain XML on a real libvirt', () => {
  it.each(Object.entries(plans))('accepts the plan %s and gives back what it says', async (_name, plan) => {
    const dom = await define(plan)
    const seen = await observe(dom)
    expect(seen).toMatchObject({
      name: plan.name,
      uuid: plan.uuid,
      type: plan.accelerator,
      machine: plan.machine,
      memoryBytes: plan.memoryBytes,
      vcpus: plan.cpu.sockets * plan.cpu.coresPerSocket,
      firmware: plan.firmware.kind,
      onReboot: plan.onReboot,
      metadata: plan.metadata,
    })
    expect(seen.shares).toBe(plan.cpu.shares)
    expect(seen.serialLogPath).toBe(plan.serialLogPath)
    expect(seen.nics.map(({ mac, network, alias }) => ({ mac, network, alias }))).toEqual(plan.nics)
    const disks = plan.disks.map((disk) => ({
      target: disk.target,
      path: disk.path,
      format: disk.format,
      serial: disk.serial,
      alias: disk.alias,
      bootOrder: disk.bootOrder,
      readonly: disk.readonly,
      backing: (disk.backing ?? []).map(({ path }) => path),
    }))
    expect(seen.disks.filter(({ target }) => target !== 'sdz')).toMatchObject(disks.map(withoutUndefined))
    await remove(dom)
  })

  it('keeps text that is hostile to XML', async () => {
    const text = `a'b"c<d>&amp;]]>\u{1F600}`
    const [disk] = small.disks
    if (disk === undefined) throw new Error('the small plan has a disk')
    const metadata = { ...small.metadata, specJson: JSON.stringify({ text, broken: '\u0000\uFFFF' }) }
    const dom = await define({ ...small, disks: [{ ...disk, path: `/tmp/${text}` }], metadata })
    const seen = await observe(dom)
    expect(seen.disks[0]?.path).toBe(`/tmp/${text}`)
    expect(seen.metadata).toEqual(metadata)
    await remove(dom)
  })

  it('builds the machine: firmware, one SCSI controller, the whole backing chain, ten free ports', async () => {
    const dom = await define(startable())
    await pool.call('DomainCreateWithFlags', { dom, flags: PAUSED })
    try {
      const { xml } = await pool.call('DomainGetXMLDesc', { dom, flags: 0 })
      const seen = observeDomain(xml)
      expect(seen).toMatchObject({
        firmware: 'efi',
        guestAgentConnected: false,
        serialLogPath: join(files, 'console.log'),
      })
      expect(seen.consolePty).toMatch(/^\/dev\/pts\/\d+$/)
      expect(seen.disks[0]?.backing).toEqual([join(files, 'middle.qcow2'), join(files, 'base.raw')])
      expect(xml.match(/<controller type='scsi'/g)).toHaveLength(1)
      expect(freePorts(xml)).toBe(10)
    } finally {
      await pool.call('DomainDestroy', { dom })
      await remove(dom)
    }
  })

  it('attaches a disk of the same making while the domain runs', async () => {
    const plan = startable()
    const data = plan.disks[2]
    if (data === undefined) throw new Error('the plan has three disks')
    const dom = await define({ ...plan, disks: plan.disks.slice(0, 1), firmware: { kind: 'bios' } })
    await pool.call('DomainCreateWithFlags', { dom, flags: PAUSED })
    try {
      const xml = diskXml(data)
      await pool.call('DomainAttachDeviceFlags', { dom, xml, flags: LIVE })
      expect((await observe(dom)).disks.map(({ alias }) => alias)).toContain('ua-vd-data')
    } finally {
      await pool.call('DomainDestroy', { dom })
      await remove(dom)
    }
  })

  it('takes new metadata on a defined domain', async () => {
    const dom = await define(small)
    const metadata = { ...small.metadata, generation: 7, stoppedManually: true }
    await pool.call('DomainSetMetadata', {
      dom,
      type: ELEMENT,
      metadata: metadataXml(metadata),
      key: METADATA_KEY,
      uri: METADATA_URI,
      flags: 0,
    })
    expect((await observe(dom)).metadata).toEqual(metadata)
    await remove(dom)
  })

  it('is told which CPU features are missing, and that a model is unknown', async () => {
    const start = async (model: DomainPlan['cpu']['model']) => {
      const plan: DomainPlan = {
        ...startable(),
        firmware: { kind: 'bios' },
        cpu: { sockets: 1, coresPerSocket: 1, model },
      }
      const dom = await define(plan)
      try {
        await pool.call('DomainCreateWithFlags', { dom, flags: PAUSED })
        await pool.call('DomainDestroy', { dom })
      } finally {
        await remove(dom)
      }
    }
    await start({ kind: 'host-model' })
    await start({ kind: 'features', base: 'qemu64', features: ['sse4.2', 'popcnt'] })
    await expect(start({ kind: 'features', base: 'qemu64', features: ['avx512f'] })).rejects.toThrow(/avx512f/)
    await expect(start({ kind: 'model', model: 'NoSuchCPU' })).rejects.toThrow(/NoSuchCPU/)
  })
})

/** Root ports that no device sits on: a port with index n is bus n. */
function freePorts(xml: string): number {
  const ports = [...xml.matchAll(/<controller type='pci' index='(\d+)' model='pcie-root-port'>/g)].map((m) =>
    Number(m[1]),
  )
  const buses = new Set(
    [...xml.matchAll(/<address type='pci' domain='0x0000' bus='0x([0-9a-f]+)'/g)].map((m) => Number(`0x${m[1]}`)),
  )
  return ports.filter((port) => !buses.has(port)).length
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined))
}
