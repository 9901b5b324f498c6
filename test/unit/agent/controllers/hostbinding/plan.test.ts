// What a binding asks and what is here -> steps, as a table.
import { describe, expect, it } from 'vitest'
import { copyOf } from '../../../../../agent/controllers/hostbinding/copies.ts'
import { isFresh, planBinding, withHandedOver } from '../../../../../agent/controllers/hostbinding/plan.ts'
import { neededUids, unneeded } from '../../../../../agent/controllers/hostbinding/unneeded.ts'
import type { KubeObject } from '../../../../../lib/object.ts'
import type { HostBinding, HostBindingSpec } from '../../../../../schemas/index.ts'
import { aBinding, clusterVm } from '../../../../support/bindings.ts'
import { aClass, anOperation, aVm, VM_UID } from '../../../../support/objects.ts'

const namespace: KubeObject = {
  ...aVm(),
  kind: 'Namespace',
  apiVersion: 'v1',
  metadata: { ...aVm().metadata, name: 'default' },
}
const secret = (uid = 'secret-uid', value = 'c2VjcmV0'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...aVm().metadata, name: 'login', uid },
  ...{ data: { userData: value } },
})
const vmClass = aClass({ cpu: { type: 'Model', model: 'Nehalem' } })

/** A host that has these objects. */
const plan = (binding: HostBinding, here: readonly KubeObject[], needed: readonly string[] = []) =>
  planBinding(binding, {
    here: (resource, _, name) =>
      here.find(({ kind, metadata }) => resource.startsWith(`${kind.toLowerCase()}`) && metadata.name === name) ?? null,
    isNeeded: (uid) => needed.includes(uid),
  })

const deeds = ({ steps }: ReturnType<typeof plan>) =>
  steps.map((step) => `${step.do} ${'copy' in step ? step.copy.kind : 'object' in step ? step.object.kind : ''}`.trim())

const owned = (spec: Partial<HostBindingSpec> = {}) => aBinding(spec, [aVm(), vmClass, secret()])

describe('a machine that shall be here', () => {
  it('is held from its first moment until what was made for it is removed', () => {
    const [step] = plan(owned(), [namespace, copyOf(vmClass), copyOf(secret())]).steps
    expect(step).toMatchObject({ copy: { metadata: { finalizers: ['virtualization.deckhouse.io/vm-cleanup'] } } })
  })

  it('is made after its namespace and all that it refers to', () => {
    const made = plan(owned(), [])
    expect(deeds(made)).toEqual(['make-namespace', 'make VirtualMachineClass', 'make Secret', 'make VirtualMachine'])
    expect(made).toMatchObject({ phase: 'Accepted', condition: { status: 'True', reason: 'Obeyed' } })
    expect(deeds(plan(owned(), [namespace, copyOf(vmClass), copyOf(secret())]))).toEqual(['make VirtualMachine'])
  })

  it('is left alone when all is here, and follows what changed', () => {
    const here = [namespace, copyOf(vmClass), copyOf(secret()), copyOf(aVm())]
    expect(deeds(plan(owned(), here))).toEqual([])
    const changed = aBinding({}, [
      aVm({ metadata: { generation: 2 }, spec: { runPolicy: 'AlwaysOff' } }),
      vmClass,
      secret('secret-uid', 'bmV3'),
    ])
    expect(deeds(plan(changed, here))).toEqual(['follow Secret', 'follow VirtualMachine'])
    // Made here by hand and taken over by the scheduler, with its uid.
    expect(deeds(plan(owned(), [namespace, copyOf(vmClass), copyOf(secret()), aVm()]))).toEqual([
      'follow VirtualMachine',
    ])
  })

  it.each([
    ['its own Secret of that name', [secret('mine', 'b3RoZXI=')], 'NameTaken', []],
    ['its own machine of that name', [aVm({ metadata: { uid: 'mine' } })], 'NameTaken', []],
    ['an earlier machine that is going', [copyOf(aVm({ metadata: { uid: 'old' } }))], 'Waiting', []],
    ['its earlier copy that is going', [copyOf(aVm()), 'going'], 'Waiting', []],
    ['an earlier Secret that nobody needs', [copyOf(secret('old', 'b2xk'))], 'Waiting', ['delete Secret']],
  ])('waits while the host has %s', (_, here, reason, steps) => {
    const objects = here.flatMap((object) => (typeof object === 'string' ? [] : [object]))
    const found = here.some((one) => one === 'going')
      ? objects.map((one) => ({ ...one, metadata: { ...one.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }))
      : objects
    const made = plan(owned(), [namespace, copyOf(vmClass), ...found])
    expect([made.phase, made.condition.reason]).toEqual(['Pending', reason])
    expect(deeds(made)).toEqual(steps)
    expect(made.condition.message).not.toBe('')
  })

  it("takes the host's own class of that name when it says the same, and never removes an earlier copy that is needed", () => {
    const own = aClass({ cpu: { type: 'Model', model: 'Nehalem' } })
    const here = [namespace, { ...own, metadata: { ...own.metadata, uid: 'own' } }, copyOf(secret())]
    expect(deeds(plan(owned(), here))).toEqual(['make VirtualMachine'])
    const earlier = plan(owned(), [namespace, copyOf(vmClass), copyOf(secret('old', 'b2xk'))], ['old'])
    expect([deeds(earlier), earlier.condition.reason]).toEqual([[], 'Waiting'])
  })

  it('gets what its last host knew, once, and not where this host knows better', () => {
    const from = {
      power: { marker: 'Stopped', by: 'Guest', starting: true, bootId: 'x' },
      machineType: 'pc-q35-7.2',
      times: { start: 1, running: 2 },
      address: '10.88.0.7',
    } as const
    const vm = clusterVm(from)
    const binding = aBinding({}, [vm])
    expect(deeds(plan(binding, [namespace]))).toEqual(['make VirtualMachine', 'hand-over'])
    const [step] = plan(binding, [namespace, copyOf(vm)]).steps
    if (step?.do !== 'hand-over') throw new Error('nothing is handed over')
    const { times, address, machineType } = from
    expect(step.from).toEqual({ power: { marker: 'Stopped', by: 'Guest' }, machineType, times, address })
    const after = withHandedOver({ ...vm, status: { phase: 'Pending' } }, step.from)
    const { address: carried, ...rest } = step.from
    expect(after).toMatchObject({ phase: 'Pending', berth: { ...rest, carried } })
    expect(isFresh({ ...vm, status: after })).toBe(false)
    expect(deeds(plan(binding, [namespace, { ...copyOf(vm), status: after }]))).toEqual([])
    const known = { berth: { power: { marker: 'Started' } } } as object
    expect(withHandedOver({ ...vm, status: known }, step.from)).toEqual(known)
  })

  it('gets operations that are to be done still, once', () => {
    const open = anOperation('stop-it', { type: 'Stop' }, { phase: 'Pending' })
    const done = anOperation('started', {}, { phase: 'Completed' })
    const binding = aBinding({}, [aVm(), open, done])
    expect(deeds(plan(binding, [namespace, copyOf(aVm())]))).toEqual(['make VirtualMachineOperation'])
    expect(deeds(plan(binding, [namespace, copyOf(aVm()), open]))).toEqual([])
  })

  it("does not make disks and images of a machine's binding: they have their own", () => {
    const disk = { ...aVm(), kind: 'VirtualDisk', metadata: { ...aVm().metadata, name: 'root', uid: 'disk-uid' } }
    expect(deeds(plan(aBinding({}, [aVm(), disk]), [namespace]))).toEqual(['make VirtualMachine'])
  })
})

describe('an object that shall go', () => {
  it('is not released before the disks are gone that were made for a move which failed', () => {
    const told = (made: readonly string[], phase: 'Failed' | 'Committed') => ({
      ...aBinding({ epoch: 2, role: 'Released' }, []),
      status: { migration: { id: 'move', phase, made } },
    })
    expect(plan(told(['disk'], 'Failed'), []).phase).toBe('Releasing')
    expect(plan(told([], 'Failed'), []).phase).toBe('Released')
    // Those of a machine that came are disks of this host, and go by their own bindings.
    expect(plan(told(['disk'], 'Committed'), []).phase).toBe('Released')
  })

  it.each([{ role: 'Released' }, { deleted: true }] as const)('%j', (spec) => {
    const binding = aBinding({ epoch: 2, ...spec }, [])
    const copy = copyOf(aVm())
    const first = plan(binding, [copy])
    expect([deeds(first), first.phase]).toEqual([['delete VirtualMachine'], 'Releasing'])
    const going = { ...copy, metadata: { ...copy.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
    expect([deeds(plan(binding, [going])), plan(binding, [going]).phase]).toEqual([[], 'Releasing'])
    expect([deeds(plan(binding, [])), plan(binding, []).phase]).toEqual([[], 'Released'])
    // Another of that name is none of its business.
    const other = aVm({ metadata: { uid: 'another' } })
    expect([deeds(plan(binding, [other])), plan(binding, [other]).phase]).toEqual([[], 'Released'])
  })
})

it('what no binding asks for any more is erased; what was made here never is', () => {
  const needed = neededUids([
    owned(),
    aBinding({ role: 'Released', subject: { resource: 'x', namespace: '', name: 'y', uid: 'z' } }, [secret('gone')]),
  ])
  expect([...needed].sort()).toEqual([VM_UID, 'class-uid', 'secret-uid'].sort())
  const copies = [copyOf(secret()), copyOf(secret('gone')), secret('mine')]
  expect(unneeded(copies, needed).map(({ metadata }) => metadata.uid)).toEqual(['gone'])
})
