import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { baselineOf } from '../../../../agent/host/baseline.ts'
import {
  judgeKvm,
  nodeStatus,
  probeKvm,
  readInventory,
  runHostChecks,
  surveyHost,
  systemHost,
} from '../../../../agent/host/index.ts'
import { systemClock as clock } from '../../../../lib/clock.ts'
import { LibvirtPool } from '../../../../lib/libvirt/index.ts'
import { startLibvirtd, type TestLibvirtd } from '../../../support/libvirtd.ts'

const signal = AbortSignal.timeout(170_000)
let libvirtd: TestLibvirtd
let pool: LibvirtPool
let stateDir = ''

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'berth-test-host-'))
  libvirtd = await startLibvirtd()
  pool = new LibvirtPool({ socketPath: libvirtd.socketPath, uri: 'qemu:///system' })
  await pool.connect()
})

afterAll(async () => {
  await pool?.close()
  await libvirtd?.stop()
  await rm(stateDir, { recursive: true })
})

const config = (more: { accelerator?: 'auto' | 'kvm' | 'emulation'; allowEmulation?: boolean } = {}) => ({
  nodeName: 'host-1',
  stateDir,
  accelerator: 'auto' as const,
  allowEmulation: true,
  ...more,
})

const survey = (more?: Parameters<typeof config>[0]) =>
  surveyHost({ config: config(more), libvirt: pool, host: systemHost, clock }, signal)

describe('the KVM probe on this machine', () => {
  it('runs the guest program emulated, and KVM comes to a verdict with its numbers', async () => {
    const timings = await probeKvm({ clock }, signal)
    expect(timings.tcg.map(({ kind }) => kind)).toEqual(['finished', 'finished', 'finished'])
    const verdict = judgeKvm(timings)
    const best = Math.min(
      ...timings.kvm.map((run) => (run.kind === 'finished' ? run.loopMs : Number.POSITIVE_INFINITY)),
    )
    const emulated = timings.tcg.map((run) => (run.kind === 'finished' ? run.loopMs : 0)).sort((a, b) => a - b)[1] ?? 0
    expect(verdict.usable, verdict.message).toBe(best < emulated)
    expect(verdict.message).toMatch(timings.kvm.length === 0 ? /no \/dev\/kvm/ : /ms|could not be started/)
  })
})

describe('the survey of this host', () => {
  it('finds what the controllers need', async () => {
    const { facts, kvm, capabilities } = await survey()
    expect(facts).toMatchObject({ nodeName: 'host-1', accelerator: { use: kvm.usable ? 'kvm' : 'qemu' } })
    expect(facts.machineType).toMatch(/^pc-q35-/)
    expect(facts.bootId).toMatch(/^[0-9a-f-]{36}$/)
    expect(facts.cores).toBeGreaterThan(0)
    expect(facts.versions.libvirt).toMatch(/^\d+\.\d+\.\d+$/)
    expect(facts.versions.qemu).toMatch(/^\d+\.\d+\.\d+$/)
    expect(facts.cpu.models).toContain('Nehalem')
    expect(facts.cpu.features).toEqual(expect.arrayContaining(['sse2', 'lm', 'cx16']))
    expect(capabilities.machine).toBe(facts.machineType)
  })

  it('keeps a measured verdict for as long as the host is up', async () => {
    const first = await survey()
    if (first.kvm.ratio === undefined) return expect(first.kvm.reason).not.toBe('KVMUsable')
    const file = JSON.parse(await readFile(join(stateDir, 'kvm-verdict.json'), 'utf8'))
    expect(file).toEqual({ bootId: first.facts.bootId, qemuVersion: first.facts.versions.qemu, verdict: first.kvm })
    // What no measuring would find is believed too.
    const kept = { ...first.kvm, message: 'As it was measured at the start.' }
    await writeFile(join(stateDir, 'kvm-verdict.json'), JSON.stringify({ ...file, verdict: kept }))
    expect((await survey()).kvm).toEqual(kept)
  })

  it('says why no guest may start where KVM is unusable and emulation not allowed', async () => {
    const { accelerator, kvm, facts } = await survey({ allowEmulation: false })
    if (kvm.usable) expect(accelerator).toMatchObject({ use: 'kvm' })
    else expect(accelerator).toMatchObject({ refused: expect.stringContaining(kvm.message) })
    expect(facts.machineType).toMatch(/^pc-q35-/)
  })

  it('passes its checks on to the Node', async () => {
    const { checkContext, identity, accelerator, capabilities, facts } = await survey()
    const checks = await runHostChecks(checkContext, clock, signal)
    const byId = new Map(checks.map((check) => [check.id, check]))
    for (const id of ['libvirt', 'qemu', 'qemu-img', 'iso-tool', 'dnsmasq'])
      expect(byId.get(id), id).toMatchObject({ status: 'ok' })
    expect(byId.get('kvm')?.status).toBe(checkContext.kvm.usable ? 'ok' : 'fail')
    const status = nodeStatus(
      {
        nodeName: 'host-1',
        berthVersion: '0.1.0',
        identity,
        accelerator,
        capabilities,
        cpuFeatures: facts.cpu.features,
        checks,
        addresses: [],
        cpuOvercommit: 1,
      },
      '2026-01-01T00:00:00Z',
    )
    expect(status.conditions.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' })
    expect(status.conditions.find(({ type }) => type === 'LibvirtAvailable')).toMatchObject({ status: 'True' })
  })
})

describe('the common CPU of several hosts', () => {
  /** As agents tell it of real ones: the model with what differs. */
  const cpu = (model: string, vendor: string, more = '') =>
    `<cpu mode='custom' match='exact'><model fallback='forbid'>${model}</model><vendor>${vendor}</vendor>${more}</cpu>`
  const haswell = cpu('Haswell-noTSX', 'Intel', `<feature policy='disable' name='avx2'/>`)
  const skylake = cpu('Skylake-Server-noTSX-IBRS', 'Intel')
  const baseline = async (cpus: readonly string[]) => {
    const { facts } = await survey()
    return await baselineOf(pool, { machine: facts.machineType, virttype: 'qemu' }, cpus, signal)
  }

  it('is of this host alone what it can have', async () => {
    const { own, features } = (await survey()).facts.cpu
    if (own === null) throw new Error('libvirt tells of this CPU')
    const { xml, ...found } = own
    expect(await baseline([xml, xml])).toEqual(found)
    expect(found.enabled).toEqual(features)
    expect(found.enabled).toEqual(expect.arrayContaining(['sse2', 'lm']))
  })

  it('has what two different ones share, and is one that each of them could run', async () => {
    const found = await baseline([haswell, skylake])
    expect(found.model).toMatch(/Haswell|Broadwell|SandyBridge|IvyBridge|Westmere|Nehalem/)
    expect(found.enabled).toEqual(expect.arrayContaining(['sse4.2', 'aes', 'avx']))
    for (const lacking of ['avx2', 'avx512f', 'clwb']) expect(found.enabled).not.toContain(lacking)
    for (const one of [haswell, skylake]) {
      const alone = await baseline([one])
      expect(found.enabled.filter((feature) => !alone.enabled.includes(feature))).toEqual([])
    }
  })

  it('is none of CPUs that are strangers to each other, or to this libvirt, in words', async () => {
    await expect(baseline([skylake, cpu('EPYC', 'AMD')])).rejects.toThrow(/vendors do not match/)
    await expect(baseline([cpu('NoSuchModel', 'Intel')])).rejects.toThrow(/NoSuchModel/)
  })
})

describe('the inventory', () => {
  it('comes from a child process', async () => {
    const inventory = await readInventory(signal)
    expect(inventory.cpu.threads).toBeGreaterThan(0)
    expect(inventory.os.name).not.toBe('')
  })
})
