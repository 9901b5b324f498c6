import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../../lib/object.ts'
import { VIRTUAL_MACHINE_CLASS } from '../../../../schemas/index.ts'
import { fromStorage, toStorage } from '../../../../schemas/virtualmachineclass/convert.ts'
import { admit } from '../../../support/validate.ts'
import { metadata, virtualMachineClass } from '../samples.ts'

const percent = fc.integer({ min: 1, max: 100 }).map((value) => `${value}%`)
const policy = fc.record(
  {
    cores: fc.record({ min: fc.nat(9), max: fc.nat(9), step: fc.nat(9) }, { requiredKeys: ['min', 'max'] }),
    coreFractions: fc.array(percent, { maxLength: 4 }),
    defaultCoreFraction: fc.oneof(percent, fc.constant('Auto')),
    memory: fc.record({ min: fc.constant('1Gi'), step: fc.constant(5) }),
    dedicatedCores: fc.array(fc.boolean()),
  },
  { requiredKeys: ['cores'] },
)
const stored = fc
  .record({ sizingPolicies: fc.array(policy, { maxLength: 3 }) }, { requiredKeys: [] })
  .map((spec) => virtualMachineClass(spec))

describe('conversion', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(stored, (object) => {
        const old = fromStorage(object, 'v1alpha2')
        expect(old.apiVersion).toBe('virtualization.deckhouse.io/v1alpha2')
        expect(toStorage(old, 'v1alpha2')).toEqual(object)
        expect(fromStorage(toStorage(old, 'v1alpha2'), 'v1alpha2')).toEqual(old)
      }),
    )
  })

  it('leaves the stored version alone', () => {
    const object = virtualMachineClass({})
    expect(toStorage(object, 'v1alpha3')).toBe(object)
    expect(fromStorage(object, 'v1alpha3')).toBe(object)
  })

  const old = (policies: object): KubeObject => ({
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachineClass',
    metadata: metadata('one'),
    spec: { cpu: { type: 'Host' }, sizingPolicies: [{ cores: { min: 1, max: 4 }, ...policies }] },
    status: { phase: 'Ready' },
  })

  it('writes fractions with a percent sign and keeps all else', () => {
    expect(admit(VIRTUAL_MACHINE_CLASS, old({ coreFractions: [5, 100], defaultCoreFraction: 5 }))).toEqual({
      errors: [],
      object: {
        ...old({ coreFractions: ['5%', '100%'], defaultCoreFraction: '5%' }),
        apiVersion: 'virtualization.deckhouse.io/v1alpha3',
      },
    })
  })

  it.each([
    { defaultCoreFraction: 0 },
    { defaultCoreFraction: 101 },
    { defaultCoreFraction: 'auto' },
    { coreFractions: [0] },
  ])('refuses %j in the old version', (policies) =>
    expect(admit(VIRTUAL_MACHINE_CLASS, old(policies)).errors).not.toEqual([]),
  )
})
