// What the steps ask of libvirt, and which of its refusals are success.
import { expect, it } from 'vitest'
import { buildDomainPlan } from '../../../../agent/controllers/virtualmachine/domain-plan.ts'
import { domainRef, type LibvirtCalls } from '../../../../agent/controllers/virtualmachine/observe.ts'
import { DomainSteps, ForeignDomainError } from '../../../../agent/controllers/virtualmachine/steps.ts'
import { ErrorNumber, LibvirtError } from '../../../../lib/libvirt/index.ts'
import { aVm, FACTS, VM_UID } from '../../../support/objects.ts'

type Answer = (args: unknown) => unknown

/** Answers by the call's name; a call that the test does not foresee fails. */
function fakeLibvirt(answers: Readonly<Record<string, Answer>>) {
  const calls: { readonly name: string; readonly args: unknown }[] = []
  const call = async (name: string, args: unknown) => {
    calls.push({ name, args })
    const answer = answers[name]
    if (answer === undefined) throw new Error(`unforeseen call ${name}`)
    return answer(args)
  }
  return { calls, steps: new DomainSteps({ call } as unknown as LibvirtCalls) }
}

const refuses =
  (code: number): Answer =>
  () => {
    throw new LibvirtError('call', { code, domain: 10, level: 2, message: 'no' })
  }

const DOM = domainRef('default.web', VM_UID)
const PLAN = buildDomainPlan({
  vm: aVm(),
  cpu: { kind: 'model', model: 'Nehalem' },
  devices: [],
  seedPath: null,
  facts: FACTS,
  use: 'qemu',
  machineType: null,
  network: null,
  paths: { nvram: '/n', console: '/c' },
  startedAt: '2026-01-01T00:00:00Z',
  epoch: 0,
})
const { signal } = new AbortController()

it('a reboot action is set on what runs and on the definition that is left when it has ended', async () => {
  const { calls, steps } = fakeLibvirt({ DomainSetLifecycleAction: () => ({}) })
  await steps.setOnReboot(DOM, 'destroy', signal)
  await steps.setOnReboot(DOM, 'restart', signal)
  expect(calls.map(({ args }) => args)).toEqual([
    { dom: DOM, type: 1, action: 0, flags: 3 },
    { dom: DOM, type: 1, action: 1, flags: 3 },
  ])
})

it('what a run left in libvirt is taken away with its definition; firmware and TPM keep theirs', async () => {
  const { calls, steps } = fakeLibvirt({ DomainUndefineFlags: () => ({}) })
  await steps.forgetRun(DOM, signal)
  expect(calls).toEqual([{ name: 'DomainUndefineFlags', args: { dom: DOM, flags: 8 | 64 } }])
})

it.each(['shutdown', 'destroy', 'undefine', 'forgetRun'] as const)(
  '%s of a domain that is gone or off is done',
  async (step) => {
    for (const code of [ErrorNumber.ERR_NO_DOMAIN, ErrorNumber.ERR_OPERATION_INVALID]) {
      const refusal = refuses(code)
      const { steps } = fakeLibvirt({
        DomainShutdownFlags: refusal,
        DomainDestroyFlags: refusal,
        DomainUndefineFlags: refusal,
      })
      await expect(steps[step](DOM, signal)).resolves.toBeUndefined()
    }
    const { steps } = fakeLibvirt({
      DomainShutdownFlags: refuses(ErrorNumber.ERR_INTERNAL_ERROR),
      DomainDestroyFlags: refuses(ErrorNumber.ERR_INTERNAL_ERROR),
      DomainUndefineFlags: refuses(ErrorNumber.ERR_INTERNAL_ERROR),
    })
    await expect(steps[step](DOM, signal)).rejects.toThrow(LibvirtError)
  },
)

it('a start of what runs already is done; of what does not, it failed', async () => {
  const already = (state: number) =>
    fakeLibvirt({
      DomainCreateWithFlags: refuses(ErrorNumber.ERR_OPERATION_INVALID),
      DomainGetState: () => ({ state, reason: 0 }),
    }).steps.start(DOM, signal)
  await expect(already(1)).resolves.toBeUndefined()
  await expect(already(5)).rejects.toThrow(LibvirtError)
})

it('a name that somebody else has is said to be so', async () => {
  const taken = (uuid: string) =>
    fakeLibvirt({
      DomainDefineXMLFlags: refuses(ErrorNumber.ERR_OPERATION_FAILED),
      DomainLookupByName: () => ({ dom: { ...DOM, uuid } }),
      DomainLookupByUUID: () => ({ dom: DOM }),
    }).steps.define(PLAN, signal)
  await expect(taken('uid-other')).rejects.toThrow(ForeignDomainError)
  await expect(taken(VM_UID)).rejects.toThrow(LibvirtError)
})

it('a definition that somebody renamed is removed with what firmware and TPM keep, and made under its own name', async () => {
  let renamed = true
  const { calls, steps } = fakeLibvirt({
    DomainDefineXMLFlags: () => (renamed ? refuses(ErrorNumber.ERR_OPERATION_FAILED)({}) : { dom: DOM }),
    DomainLookupByName: refuses(ErrorNumber.ERR_NO_DOMAIN),
    DomainLookupByUUID: () => ({ dom: { ...DOM, name: 'other' } }),
    DomainUndefineFlags: () => {
      renamed = false
      return {}
    },
  })
  expect(await steps.define(PLAN, signal)).toEqual({ dom: DOM, renamedFrom: 'other' })
  expect(calls.find(({ name }) => name === 'DomainUndefineFlags')?.args).toMatchObject({
    dom: { name: 'other', uuid: VM_UID },
    flags: 1 | 2 | 8 | 16 | 64,
  })
})

it('a start never resumes a memory image that somebody saved', async () => {
  const { calls, steps } = fakeLibvirt({ DomainCreateWithFlags: () => ({ dom: DOM }) })
  await steps.start(DOM, signal)
  expect(calls).toEqual([{ name: 'DomainCreateWithFlags', args: { dom: DOM, flags: 8 } }])
})

it('what was undefined while it runs is defined as it runs', async () => {
  const { calls, steps } = fakeLibvirt({
    DomainGetXMLDesc: () => ({ xml: '<domain/>' }),
    DomainDefineXMLFlags: () => ({ dom: DOM }),
  })
  await steps.persist(DOM, signal)
  expect(calls.map(({ args }) => args)).toEqual([
    { dom: DOM, flags: 3 },
    { xml: '<domain/>', flags: 0 },
  ])
})
