import { describe, expect, it } from 'vitest'
import { KINDS, VIRTUAL_MACHINE } from '../../../schemas/index.ts'
import { admit } from '../../support/validate.ts'
import { metadata } from './samples.ts'

describe('KINDS', () => {
  it('has every kind once', () => {
    const names = KINDS.map(({ kind }) => kind)
    expect(names.length).toBeGreaterThan(11)
    expect(new Set(names).size).toBe(names.length)
    expect(new Set(KINDS.map(({ resource }) => resource)).size).toBe(names.length)
  })

  it('gives no short name twice', () => {
    const names = KINDS.flatMap(({ shortNames, plural, singular }) => [...shortNames, plural, singular])
    expect(new Set(names).size).toBe(names.length)
  })

  it.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s is consistent', (_name, kind) => {
    expect(kind.resource).toBe(kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`)
    expect(kind.versions.map(({ name }) => name)).toContain(kind.storageVersion)
    expect(kind.versions.length > 1).toBe(kind.convert !== undefined)
    for (const { schema, columns } of kind.versions) {
      const properties = Object.keys((schema as { properties?: object }).properties ?? {})
      expect(properties.includes('status')).toBe(kind.hasStatus)
      expect(properties).not.toContain('metadata')
      expect(properties).toEqual(expect.arrayContaining([...(kind.secretFields ?? [])]))
      for (const { jsonPath } of columns) expect(jsonPath).toMatch(/^\./)
    }
  })
})

const vm = (spec: object) => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualMachine',
  metadata: metadata('vm'),
  spec: {
    virtualMachineClassName: 'generic',
    cpu: { cores: 1 },
    memory: { size: '1Gi' },
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root' }],
    ...spec,
  },
})

describe('a VirtualMachine', () => {
  it("gets DVP's defaults", () => {
    const { errors, object } = admit(
      VIRTUAL_MACHINE,
      vm({ provisioning: { type: 'UserDataRef', userDataRef: { name: 's' } } }),
    )
    expect(errors).toEqual([])
    expect(object.spec).toMatchObject({
      runPolicy: 'AlwaysOnUnlessStoppedManually',
      disruptions: { restartApprovalMode: 'Manual' },
      terminationGracePeriodSeconds: 60,
      enableParavirtualization: true,
      osType: 'Generic',
      bootloader: 'BIOS',
      liveMigrationPolicy: 'PreferSafe',
      provisioning: { userDataRef: { kind: 'Secret', name: 's' } },
    })
  })

  it.each<[string, object, string]>([
    ['an unknown field', { osTyp: 'Generic' }, 'spec.osTyp'],
    ['a wrong unit', { memory: { size: '1GB' } }, 'spec.memory.size'],
    ['0 cores', { cpu: { cores: 0 } }, 'spec.cpu.cores'],
    ['10^9 cores', { cpu: { cores: 1e9 } }, 'spec.cpu.cores'],
    ['half a core', { cpu: { cores: 0.5 } }, 'spec.cpu.cores'],
    ['no disk', { blockDeviceRefs: [] }, 'spec.blockDeviceRefs'],
    [
      'seventeen disks',
      { blockDeviceRefs: Array.from({ length: 17 }, (_, i) => ({ kind: 'VirtualDisk', name: `d${i}` })) },
      'spec.blockDeviceRefs',
    ],
    [
      'two equal boot orders',
      {
        blockDeviceRefs: [
          { kind: 'VirtualDisk', name: 'a', bootOrder: 1 },
          { kind: 'VirtualDisk', name: 'b', bootOrder: 1 },
        ],
      },
      'spec.blockDeviceRefs[1].bootOrder',
    ],
    [
      'boot order 0',
      { blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'a', bootOrder: 0 }] },
      'spec.blockDeviceRefs[0].bootOrder',
    ],
    ['an unknown kind of disk', { blockDeviceRefs: [{ kind: 'Disk', name: 'a' }] }, 'spec.blockDeviceRefs[0].kind'],
    [
      'user data of another type',
      { provisioning: { type: 'UserData', userDataRef: { kind: 'Secret', name: 's' } } },
      'spec.provisioning',
    ],
    ['no class', { virtualMachineClassName: undefined }, 'spec.virtualMachineClassName'],
    ['a fraction of 0%', { cpu: { cores: 1, coreFraction: '0%' } }, 'spec.cpu.coreFraction'],
  ])('with %s is refused at the field', (_title, spec, path) => {
    expect(admit(VIRTUAL_MACHINE, vm(spec)).errors.map((error) => error.path)).toContain(path)
  })
})
