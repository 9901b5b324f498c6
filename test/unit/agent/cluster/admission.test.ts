// Which words of a scheduler a host takes: order, epochs, room.
import { expect, it } from 'vitest'
import { bindingAdmission, orderRefusal } from '../../../../agent/cluster/binding-admission.ts'
import { Holdings } from '../../../../agent/cluster/holdings.ts'
import { Ledger } from '../../../../agent/controllers/virtualmachine/ledger.ts'
import type { Admission } from '../../../../lib/apiserver/index.ts'
import type { Reader } from '../../../../lib/reconcile/reader.ts'
import type { Change } from '../../../../lib/store/store.ts'
import { DISCOVERED_CPU, HOST_BINDING, type HostBinding, type VirtualMachine } from '../../../../schemas/index.ts'
import { aBinding, clusterVm, RULER } from '../../../support/bindings.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { aClass, aVm, FACTS } from '../../../support/objects.ts'

const later = { ...RULER, revision: '101' }

it.each([
  ['the first word', aBinding(), null, null],
  ['no subject', aBinding({}, []), null, /the first of the objects must be the subject/],
  ['the same epoch', aBinding({ ruler: later }), aBinding(), null],
  ['a lower one', aBinding({ epoch: 2 }), aBinding({ epoch: 3 }), /epoch 2 is stale: this host has obeyed epoch 3/],
  ['one below what was obeyed', aBinding({ epoch: 3 }), aBinding({ epoch: 2 }, [aVm()], { epoch: 4 }), /epoch 4/],
  ['an older decision', aBinding(), aBinding({ ruler: later }), /revision 100 is older .* of revision 101/],
  ['a return by the same epoch', aBinding(), aBinding({ role: 'Released' }), /comes back by a higher one only/],
  ['a return by a higher one', aBinding({ epoch: 2 }), aBinding({ role: 'Released' }), null],
  ['owner to target', aBinding({ role: 'Target' }), aBinding(), /target of no move by the same one/],
  ['target to owner', aBinding(), aBinding({ role: 'Target' }), null],
  ['a deletion taken back', aBinding(), aBinding({ deleted: true }), /cannot be taken back/],
  ['a release without objects', aBinding({ role: 'Released' }, []), aBinding(), null],
])('%s', (_, binding, before, words) => {
  const refusal = orderRefusal(binding, before)
  if (words === null) expect(refusal).toBeNull()
  else expect(refusal).toMatch(words)
})

const GIB = 1024n ** 3n
const vmClass = aClass({ cpu: { type: 'Model', model: 'Nehalem' } })
const named = (name: string, uid: string, vm: VirtualMachine = clusterVm()): HostBinding => {
  const metadata = { ...vm.metadata, name, uid }
  const subject = { resource: 'virtualmachines.virtualization.deckhouse.io', namespace: 'default', name, uid }
  return aBinding({ subject }, [{ ...vm, metadata }, vmClass])
}

function host() {
  const bindings = new Map<string, HostBinding>()
  let hear: (change: Change) => void = () => undefined
  const stored = (object: HostBinding) => {
    const { uid } = object.spec.subject
    bindings.set(uid, object)
    const key = { resource: HOST_BINDING.resource, namespace: '', name: uid }
    hear({ type: 'put', entry: { key, value: object, revision: 1n }, previous: null })
  }
  const reader = {
    get: () => null,
    list: () => [...bindings.values()],
    byIndex: () => [],
    onChange: (listener: typeof hear) => {
      hear = listener
      return () => undefined
    },
  } as unknown as Reader
  const clock = new ManualClock()
  const holdings = new Holdings({ reader, clock, vmOf: () => null })
  const limits = { milliCores: 2_000, memoryBytes: 4n * GIB }
  const ledger = new Ledger(limits, () => holdings.promised())
  const reached: string[] = []
  const admission = bindingAdmission({
    reader,
    ruler: {
      known: { instance: 'first', term: 1, revision: '0' },
      reached: async (revision) => void reached.push(revision),
    },
    holdings,
    host: () => ({ facts: FACTS, ledger }),
  })
  const ask = (
    operation: 'create' | 'update' | 'delete',
    object: HostBinding,
    old: HostBinding | null,
    dryRun = false,
  ) =>
    Promise.resolve(
      admission({
        operation,
        kind: HOST_BINDING,
        object,
        old,
        dryRun,
        caller: null,
      } as unknown as Parameters<Admission>[0]),
    )
  return { ledger, clock, stored, ask, reached }
}

it('two at the same moment cannot take the last core: what was accepted counts before it is stored', async () => {
  const { ask, ledger, clock } = host()
  await ask('create', named('a', 'uid-a'), null, true)
  expect(ledger.used().milliCores).toBe(0)
  await ask('create', named('a', 'uid-a'), null)
  await ask('create', named('b', 'uid-b'), null)
  await expect(ask('create', named('c', 'uid-c'), null)).rejects.toThrow(
    /virtualmachines default\/c does not fit .*: it needs 1 cores, 0 of 2 are free/,
  )
  // A start of a machine of the host's own finds no room either.
  expect(ledger.admit('own', { vm: 'x/own', milliCores: 1_000, memoryBytes: GIB, disks: [] })).toMatch(
    /0 of 2 are free/,
  )
  expect(ledger.admit('uid-a', { vm: 'default/a', milliCores: 1_000, memoryBytes: GIB, disks: [] })).toBeNull()
  ledger.release('uid-a')
  // Never stored: it does not hold its room for ever.
  await clock.advance(61_000)
  await ask('create', named('c', 'uid-c'), null)
})

it('what is stored counts as long as it is to run, and keeps its room', async () => {
  const { ask, stored, ledger } = host()
  const a = named('a', 'uid-a', clusterVm(undefined, { cpu: { cores: 2, coreFraction: '100%' } }))
  stored(a)
  expect(ledger.used().milliCores).toBe(2_000)
  await expect(ask('create', named('b', 'uid-b'), null)).rejects.toThrow(/0 of 2 are free/)
  await ask('update', { ...a, spec: { ...a.spec, failover: true } }, a)
  const bigger = named('a', 'uid-a', clusterVm(undefined, { cpu: { cores: 3, coreFraction: '100%' } }))
  await expect(ask('update', bigger, a)).rejects.toThrow(/needs 3 cores, 2 of 2 are free/)
  stored({ ...a, spec: { ...a.spec, role: 'Released' } })
  expect(ledger.used().milliCores).toBe(0)
})

it.each([
  ['is off by its policy', clusterVm(undefined, { runPolicy: 'AlwaysOff' })],
  ['was stopped by hand at its last host', clusterVm({ power: { marker: 'Stopped', by: 'Operation' } })],
])('a machine that %s takes no room', async (_, vm) => {
  const { ask, stored, ledger } = host()
  const binding = named('a', 'uid-a', vm)
  await ask('create', binding, null)
  stored(binding)
  expect(ledger.used().milliCores).toBe(0)
})

it('a class that did not come along, a superseded scheduler, a binding that is not released', async () => {
  const { ask, reached } = host()
  const bare = aBinding()
  await expect(ask('create', bare, null)).rejects.toThrow(
    /the VirtualMachineClass generic neither came with it nor is here/,
  )
  const other = { ...bare, spec: { ...bare.spec, ruler: { ...RULER, instance: 'second' } } }
  await expect(ask('create', other, null)).rejects.toThrow(/superseded/)
  await expect(ask('delete', bare, bare)).rejects.toThrow(/is here by epoch 1/)
  expect(reached).toEqual([])
  await ask('delete', aBinding({ role: 'Released' }, [], { phase: 'Released', epoch: 1 }), null)
  expect(reached).toEqual(['100'])
})

it('takes a machine with the CPU that the scheduler found for its hosts, and says what that lacks here', async () => {
  const { ask } = host()
  const withCpu = (enabled: readonly string[]): HostBinding => {
    const cpu = { model: 'Nehalem', features: [], enabled }
    const annotations = { [DISCOVERED_CPU]: JSON.stringify(cpu) }
    const discovery = aClass({ cpu: { type: 'Discovery' } })
    const carried = { ...discovery, metadata: { ...discovery.metadata, annotations } }
    const binding = named('a', 'uid-a')
    return { ...binding, objects: [...(binding.objects ?? []).slice(0, 1), carried] }
  }
  await ask('create', withCpu(['aes']), null, true)
  await expect(ask('create', withCpu(['aes', 'avx']), null)).rejects.toThrow(/generic: the host's CPU lacks avx/)
})
