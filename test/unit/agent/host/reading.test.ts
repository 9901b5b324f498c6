import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findCpuController, parseMounts } from '../../../../agent/host/cgroups.ts'
import { findEfiFirmware } from '../../../../agent/host/firmware.ts'
import { systemHost } from '../../../../agent/host/host-reader.ts'
import { prettyName, readIdentity } from '../../../../agent/host/identity.ts'
import { parseInventory } from '../../../../agent/host/inventory.ts'
import { rememberedVerdict } from '../../../../agent/host/kvm-cache.ts'
import type { KvmVerdict } from '../../../../agent/host/kvm-judge.ts'
import { fakeHost } from './fake-host.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-test-reading-'))
})
afterAll(() => rm(folder, { recursive: true }))

const V1 = '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct'
const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate'

describe('the cpu controller', () => {
  const find = (mountinfo: string, controllers?: string) =>
    findCpuController(
      fakeHost({
        files: {
          '/proc/self/mountinfo': mountinfo,
          ...(controllers === undefined ? {} : { '/sys/fs/cgroup/cgroup.controllers': controllers }),
        },
      }),
    )

  it('is found in either version', async () => {
    expect(await find(V2, 'cpuset cpu io memory pids\n')).toBe('v2')
    expect(await find(V1)).toBe('v1')
    expect(await find(`${V2}\n${V1}`, '')).toBe('v1')
  })

  it('is missing where it is missing', async () => {
    expect(await find('')).toBeNull()
    expect(await find(V2, 'cpuset io\n')).toBeNull()
    expect(await find(V1.replaceAll('cpu,cpuacct', 'memory'))).toBeNull()
    expect(await find(V1.replace(' rw,relatime', ' ro,relatime'))).toBeNull()
  })

  it('is looked for where it is mounted, blanks included', () => {
    expect(parseMounts('1 2 0:3 / /a\\040b rw - cgroup2 none rw')).toEqual([
      { type: 'cgroup2', path: '/a b', controllers: ['rw'] },
    ])
  })
})

describe('UEFI firmware', () => {
  it('is a pair of files that are both there', async () => {
    const dir = '/usr/share/OVMF'
    expect(await findEfiFirmware(fakeHost())).toBeNull()
    expect(await findEfiFirmware(fakeHost({ files: { [`${dir}/OVMF_CODE_4M.fd`]: '' } }))).toBeNull()
    const both = { [`${dir}/OVMF_CODE_4M.fd`]: '', [`${dir}/OVMF_VARS_4M.fd`]: '' }
    expect(await findEfiFirmware(fakeHost({ files: both }))).toEqual({
      codePath: `${dir}/OVMF_CODE_4M.fd`,
      varsTemplate: `${dir}/OVMF_VARS_4M.fd`,
    })
  })
})

describe('identity', () => {
  it('is read from files of the system', async () => {
    const files = {
      '/proc/sys/kernel/random/boot_id': 'b-1\n',
      '/etc/machine-id': 'm-1\n',
      '/sys/class/dmi/id/product_uuid': 'ABC\n',
      '/etc/os-release': 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    }
    expect(await readIdentity(fakeHost({ files }))).toMatchObject({
      bootId: 'b-1',
      machineId: 'm-1',
      systemUuid: 'abc',
      osImage: 'Debian GNU/Linux 13 (trixie)',
    })
    expect(prettyName("PRETTY_NAME='x y'")).toBe('x y')
    expect(prettyName('PRETTY_NAME=plain')).toBe('plain')
    expect(prettyName('')).toBe('')
  })
})

describe('the inventory', () => {
  it('takes what has the right type and nothing else', () => {
    const odd = {
      cpu: { vendor: 5, model: '  EPYC  ', threads: -1, sockets: 2.2 },
      os: null,
      system: { virtual: 'yes', model: 'x'.repeat(999) },
    }
    const inventory = parseInventory(JSON.stringify(odd))
    expect(inventory.cpu).toEqual({ vendor: '', model: 'EPYC', sockets: 2, physicalCores: 0, threads: 0, maxMHz: 0 })
    expect(inventory.os).toEqual({ name: '', release: '', codename: '', kernel: '' })
    expect(inventory.system.virtual).toBe(false)
    expect(inventory.system.model).toHaveLength(256)
    expect(() => parseInventory('oops')).toThrow(SyntaxError)
  })
})

describe('reading this machine', () => {
  const signal = AbortSignal.timeout(9_000)

  it('gives text, names, presence and space', async () => {
    await writeFile(join(folder, 'big'), 'x'.repeat(100_000))
    expect(await systemHost.readText(join(folder, 'big'))).toHaveLength(65_536)
    expect(await systemHost.readText(join(folder, 'none'))).toBeUndefined()
    expect(await systemHost.list(folder)).toContain('big')
    expect(await systemHost.list(join(folder, 'none'))).toEqual([])
    expect(await systemHost.exists(folder)).toBe(true)
    expect(await systemHost.exists(join(folder, 'none'))).toBe(false)
    const { freeBytes, totalBytes } = await systemHost.space(folder)
    expect(freeBytes > 0n && totalBytes >= freeBytes).toBe(true)
  })

  it('runs programs, and tells a missing one from one that fails', async () => {
    expect(await systemHost.run('echo', ['hi'], signal)).toEqual({ ok: true, stdout: 'hi' })
    expect(await systemHost.run('false', [], signal)).toMatchObject({ ok: false, missing: false })
    expect(await systemHost.run('no-such-program-here', [], signal)).toMatchObject({ ok: false, missing: true })
    await expect(systemHost.run('sleep', ['9'], AbortSignal.timeout(50))).rejects.toMatchObject({
      name: 'TimeoutError',
    })
  })
})

describe('the verdict about KVM', () => {
  const measured: KvmVerdict = { usable: false, reason: 'KVMSlowerThanEmulation', message: 'slow', ratio: 400 }
  const key = { bootId: 'b-1', qemuVersion: '7.2.22' }
  const forbidden = () => Promise.reject(new Error('was asked again'))

  it('is kept for one boot and one QEMU', async () => {
    const dir = await mkdtemp(join(folder, 'state-'))
    expect(await rememberedVerdict(systemHost, dir, key, async () => measured)).toEqual(measured)
    expect(await rememberedVerdict(systemHost, dir, key, forbidden)).toEqual(measured)
    expect(await readdir(dir)).toEqual(['kvm-verdict.json'])
    const other: KvmVerdict = { usable: true, reason: 'KVMUsable', message: 'good', ratio: 0.2 }
    expect(await rememberedVerdict(systemHost, dir, { ...key, bootId: 'b-2' }, async () => other)).toEqual(other)
    expect(await rememberedVerdict(systemHost, dir, { bootId: 'b-2', qemuVersion: '9' }, async () => measured)).toEqual(
      measured,
    )
  })

  it('is not kept when nothing was measured: a device may yet appear', async () => {
    const dir = await mkdtemp(join(folder, 'state-'))
    const none: KvmVerdict = { usable: false, reason: 'NoKVMDevice', message: 'none' }
    expect(await rememberedVerdict(systemHost, dir, key, async () => none)).toEqual(none)
    expect(await readdir(dir)).toEqual([])
  })

  it.each(['', '{', '[]', '{"verdict":1}', '{"bootId":"b-1","qemuVersion":"7.2.22","verdict":{"usable":true}}'])(
    'is not taken from the file %j',
    async (text) => {
      const dir = await mkdtemp(join(folder, 'state-'))
      await writeFile(join(dir, 'kvm-verdict.json'), text)
      expect(await rememberedVerdict(systemHost, dir, key, async () => measured)).toEqual(measured)
    },
  )
})
