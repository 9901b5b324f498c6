import { describe, expect, it } from 'vitest'
import type { CheckContext, HostCheck } from '../../../../agent/host/checks/check.ts'
import { HOST_CHECKS, runHostChecks } from '../../../../agent/host/checks/run.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { type FakeHost, fakeHost } from './fake-host.ts'

const signal = AbortSignal.timeout(9_000)
const usable = { usable: true, reason: 'KVMUsable', message: 'KVM runs guest code.' } as const

const context = (host: FakeHost = {}, more: Partial<CheckContext> = {}): CheckContext => ({
  host: fakeHost(host),
  stateDir: '/var/lib/berth',
  kvm: usable,
  cpuController: 'v2',
  efi: { codePath: '/fw/code', varsTemplate: '/fw/vars' },
  tpm: true,
  libvirtVersion: 9_000_000,
  qemuVersion: 7_002_022,
  emulated: false,
  ...more,
})

async function run(id: string, on: CheckContext) {
  const checks = HOST_CHECKS.filter((check) => check.id === id)
  const [result] = await runHostChecks(on, systemClock, signal, checks)
  if (result === undefined) throw new Error(`no check ${id}`)
  return result
}

const rows: readonly [string, CheckContext, string, RegExp][] = [
  ['kvm', context(), 'ok', /runs guest code/],
  ['kvm', context({}, { kvm: { usable: false, reason: 'NoKVMDevice', message: 'No device.' } }), 'fail', /No device/],
  ['libvirt', context(), 'ok', /9\.0\.0/],
  ['libvirt', context({}, { libvirtVersion: 8_000_000 }), 'warn', /8\.0\.0 is older than 9\.0\.0/],
  ['qemu', context({}, { qemuVersion: 10_000_002 }), 'ok', /10\.0\.2/],
  ['qemu', context({}, { qemuVersion: 6_002_000 }), 'warn', /6\.2\.0 is older/],
  ['nested-virtualization', context({ files: { '/sys/module/kvm_amd/parameters/nested': '1\n' } }), 'ok', /is on/],
  ['nested-virtualization', context({ files: { '/sys/module/kvm_intel/parameters/nested': 'N\n' } }), 'info', /is off/],
  ['nested-virtualization', context(), 'info', /Neither/],
  [
    'iommu',
    context({ files: { '/sys/kernel/iommu_groups/0/type': '', '/sys/kernel/iommu_groups/1/type': '' } }),
    'ok',
    /is on/,
  ],
  ['iommu', context(), 'info', /No IOMMU/],
  ['cgroup-cpu', context(), 'ok', /v2/],
  ['cgroup-cpu', context({}, { cpuController: null }), 'warn', /below 100%/],
  ['vhost-net', context({ files: { '/dev/vhost-net': '' } }), 'ok', /there/],
  ['vhost-net', context(), 'warn', /missing/],
  ['tun', context({ files: { '/dev/net/tun': '' } }), 'ok', /there/],
  ['tun', context(), 'fail', /no guest can have a network/],
  [
    'hugepages',
    context({ files: { '/sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never\n' } }),
    'ok',
    /madvise/,
  ],
  [
    'hugepages',
    context({ files: { '/sys/kernel/mm/transparent_hugepage/enabled': 'always madvise [never]\n' } }),
    'info',
    /never/,
  ],
  ['hugepages', context(), 'ok', /not built in/],
  ['emulated-moves', context(), 'ok', /not run by emulation/],
  ['emulated-moves', context({}, { emulated: true }), 'warn', /7\.2\.22 loses memory of emulated guests/],
  ['emulated-moves', context({}, { emulated: true, qemuVersion: 9_000_000 }), 'ok', /9\.0\.0/],
  ['uefi', context(), 'ok', /installed/],
  ['uefi', context({}, { efi: null }), 'warn', /bootloader EFI/],
  ['tpm', context(), 'ok', /TPM 2\.0/],
  ['tpm', context({}, { tpm: false }), 'warn', /finds no swtpm: VMs with osType Windows/],
  ['free-space', context(), 'ok', /There is space/],
  ['free-space', context({ freeGiB: 15, totalGiB: 1000 }), 'warn', /15\.0 GiB of 1000\.0 GiB/],
  ['free-space', context({ freeGiB: 9.5, totalGiB: 20 }), 'warn', /9\.5 GiB of 20\.0 GiB/],
  ['free-space', context({ freeGiB: 0.5, totalGiB: 20 }), 'fail', /0\.5 GiB/],
  ['free-space', context({ freeGiB: 0, totalGiB: 0 }), 'fail', /0\.0 GiB/],
  [
    'qemu-img',
    context({ programs: { 'qemu-img --version': 'qemu-img version 7.2.22\nmore' } }),
    'ok',
    /^qemu-img version 7\.2\.22\.$/,
  ],
  ['qemu-img', context(), 'fail', /cannot be run/],
  ['iso-tool', context({ programs: { 'xorriso --version': 'xorriso 1.5' } }), 'ok', /xorriso/],
  ['iso-tool', context({ programs: { 'genisoimage --version': null } }), 'ok', /genisoimage/],
  ['iso-tool', context(), 'fail', /genisoimage, xorriso, mkisofs/],
  ['dnsmasq', context({ programs: { 'dnsmasq --version': 'Dnsmasq version 2.90  Copyright' } }), 'ok', /2\.90\./],
  ['dnsmasq', context(), 'fail', /NAT network/],
  [
    'time-sync',
    context({ programs: { 'chronyc -n tracking': 'Stratum : 3\nLeap status     : Normal\n' } }),
    'ok',
    /chrony says/,
  ],
  [
    'time-sync',
    context({ programs: { 'chronyc -n tracking': 'Leap status     : Not synchronised\n' } }),
    'warn',
    /not synchronized/,
  ],
  [
    'time-sync',
    context({ programs: { 'timedatectl show --property=NTPSynchronized --value': 'yes\n' } }),
    'ok',
    /kernel says/,
  ],
  [
    'time-sync',
    context({ programs: { 'chronyc -n tracking': null, 'timedatectl show --property=NTPSynchronized --value': 'no' } }),
    'warn',
    /not synchronized/,
  ],
  ['time-sync', context({ files: { '/run/systemd/timesync/synchronized': '' } }), 'ok', /timesyncd says/],
  ['time-sync', context(), 'info', /Nothing on this host tells/],
]

describe('host checks', () => {
  it.each(rows)('%s, row %#', async (id, on, status, message) => {
    const result = await run(id, on)
    expect(result.status).toBe(status)
    expect(result.message).toMatch(message)
    if (status === 'fail') expect(result.remedy, 'a failure says what to do').toBeTruthy()
  })

  it('fail for libvirt and QEMU without a connection', async () => {
    const { libvirtVersion: _l, qemuVersion: _q, ...alone } = context()
    expect(await run('libvirt', alone)).toMatchObject({ status: 'fail', message: 'There is no connection to libvirt.' })
    expect(await run('qemu', alone)).toMatchObject({ status: 'fail' })
  })

  it('have ids and conditions of their own', () => {
    const conditions = HOST_CHECKS.flatMap(({ condition }) => condition ?? [])
    expect(new Set(HOST_CHECKS.map(({ id }) => id)).size).toBe(HOST_CHECKS.length)
    expect(new Set(conditions).size).toBe(conditions.length)
    for (const condition of conditions) expect(condition).toMatch(/^[A-Z][A-Za-z]+$/)
  })

  it('turn what breaks into a finding', async () => {
    const broken: HostCheck = {
      id: 'x',
      title: 'X',
      advice: { means: 'It is well.' },
      run: () => Promise.reject(new Error('disk on fire')),
    }
    const [result] = await runHostChecks(context(), systemClock, signal, [broken])
    expect(result).toMatchObject({
      id: 'x',
      status: 'warn',
      unknown: true,
      message: expect.stringContaining('disk on fire'),
    })
  })

  it('do not wait for one that hangs', async () => {
    const hung: HostCheck = {
      id: 'x',
      title: 'X',
      advice: { means: 'It is well.' },
      run: () => new Promise(() => undefined),
    }
    const quick = { ...systemClock, sleep: () => Promise.resolve() }
    const [result] = await runHostChecks(context(), quick, signal, [hung])
    expect(result?.message).toMatch(/had not ended after 10 s/)
  })

  it('end with the signal', async () => {
    const stopped = AbortSignal.abort(new Error('stopping'))
    await expect(runHostChecks(context(), systemClock, stopped)).rejects.toThrow('stopping')
  })
})
