import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { requiredFeatures } from '../../../../agent/host/baseline.ts'
import { cpuLabels, hostModelXml } from '../../../../agent/host/cpu-features.ts'
import { parseDomainCapabilities } from '../../../../agent/host/domain-capabilities.ts'
import { newestMachineType } from '../../../../agent/host/machine-type.ts'

/** Recorded from libvirt 9.0 with QEMU 7.2 on an AMD machine, emulation. */
const recorded = readFileSync(new URL('../../../fixtures/host/domain-capabilities-qemu.xml', import.meta.url), 'utf8')

describe('domain capabilities', () => {
  it('are read from what libvirt says', () => {
    const { machine, maxVcpus, usableModels, hostPassthrough, tpm, hostModel } = parseDomainCapabilities(recorded)
    expect({ machine, maxVcpus, hostPassthrough, tpm }).toEqual({
      machine: 'pc-q35-7.2',
      maxVcpus: 288,
      hostPassthrough: false,
      // That machine had no swtpm.
      tpm: false,
    })
    expect(usableModels).toContain('Nehalem')
    expect(usableModels).not.toContain('Skylake-Server')
    expect(hostModel).toMatchObject({ model: 'EPYC', vendor: 'AMD' })
    expect(hostModel?.required).toContain('hypervisor')
    expect(hostModel?.disabled).toContain('vme')
  })

  it('may lack everything', () => {
    expect(parseDomainCapabilities('<domainCapabilities/>')).toEqual({
      machine: '',
      maxVcpus: 0,
      usableModels: [],
      hostPassthrough: false,
      tpm: false,
    })
  })

  it.each([
    ['of TPM 2.0', ['emulator'], ['1.2', '2.0'], true],
    ['of TPM 1.2 alone', ['emulator'], ['1.2'], false],
    ['of the host alone', ['passthrough'], ['2.0'], false],
  ])('a TPM %s', (_title, backends, versions, tpm) => {
    const list = (name: string, values: readonly string[]) =>
      `<enum name='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</enum>`
    const lists =
      list('model', ['tpm-tis', 'tpm-crb']) + list('backendModel', backends) + list('backendVersion', versions)
    const xml = `<domainCapabilities><devices><tpm supported='yes'>${lists}</tpm></devices></domainCapabilities>`
    expect(parseDomainCapabilities(xml).tpm).toBe(tpm)
  })
})

describe('CPU labels', () => {
  it('name models and features as DVP does, and leave out what no label can hold', () => {
    const labels = cpuLabels(
      {
        usableModels: ['Nehalem', 'bad model', ''],
        hostModel: { model: 'EPYC', vendor: 'AMD', required: [], disabled: [] },
      },
      ['sse4.2', '3dnow', 'x'.repeat(64)],
    )
    expect(labels).toEqual({
      'cpu-model.node.virtualization.deckhouse.io/Nehalem': 'true',
      'cpu-feature.node.virtualization.deckhouse.io/sse4.2': 'true',
      'cpu-feature.node.virtualization.deckhouse.io/3dnow': 'true',
      'host-model-cpu.node.virtualization.deckhouse.io/EPYC': 'true',
      'cpu-vendor.node.virtualization.deckhouse.io/AMD': 'true',
    })
  })

  it('come from a model that libvirt spelled out', () => {
    const { hostModel } = parseDomainCapabilities(recorded)
    if (hostModel === undefined) throw new Error('the recording has a host model')
    const features = requiredFeatures(hostModelXml(hostModel))
    expect(features).toEqual([...hostModel.required].sort())
    expect(
      requiredFeatures(
        `<cpu><feature policy='require' name='b'/><feature name='a'/><feature policy='disable' name='c'/><feature policy='require' name='b'/></cpu>`,
      ),
    ).toEqual(['a', 'b'])
  })
})

describe('the machine type', () => {
  const capabilities = (machines: string, arch = 'x86_64') =>
    `<capabilities><guest><os_type>hvm</os_type><arch name='${arch}'>${machines}<domain type='qemu'/></arch></guest></capabilities>`

  it('is what the plain name q35 stands for', () => {
    const machines = `<machine>pc-q35-9.0</machine><machine canonical='pc-i440fx-7.2'>pc</machine><machine canonical='pc-q35-7.2'>q35</machine>`
    expect(newestMachineType(capabilities(machines))).toBe('pc-q35-7.2')
    expect(newestMachineType(capabilities(`<machine canonical='pc-q35-noble'>q35</machine>`))).toBe('pc-q35-noble')
  })

  it('is the highest version otherwise, numbers and not letters', () => {
    const machines = ['pc-q35-2.12', 'pc-q35-2.4', 'pc-q35-10.0', 'pc-q35-9.2', 'pc-q35-4.0.1', 'microvm'].map(
      (m) => `<machine>${m}</machine>`,
    )
    expect(newestMachineType(capabilities(machines.join('')))).toBe('pc-q35-10.0')
    expect(newestMachineType(capabilities(machines.slice(0, 2).join('')))).toBe('pc-q35-2.12')
  })

  it('is found under the accelerator when it stands only there', () => {
    const xml = `<capabilities><guest><arch name='x86_64'><domain type='kvm'><machine canonical='pc-q35-8.2'>q35</machine></domain></arch></guest></capabilities>`
    expect(newestMachineType(xml)).toBe('pc-q35-8.2')
  })

  it('is none without an x86 QEMU', () => {
    expect(newestMachineType(capabilities(`<machine>virt-9.0</machine>`, 'aarch64'))).toBeUndefined()
    expect(newestMachineType('<capabilities/>')).toBeUndefined()
  })
})
