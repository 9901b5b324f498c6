// What the placement core knows of machines as the store's word about them comes. The reader is a fake that holds one machine.
import { expect, it } from 'vitest'
import type { KubeObject } from '../../../../lib/object.ts'
import { vmFacts } from '../../../../lib/placement/index.ts'
import type { Change } from '../../../../lib/store/store.ts'
import { PlacementState, type PlacementStateDeps } from '../../../../scheduler/placement/state.ts'
import type { VirtualMachine } from '../../../../schemas/index.ts'
import { DISKS, VMS } from '../../../../schemas/resources.ts'

interface Place {
  readonly node: string
  readonly idle?: true
}

function world() {
  const vm = (place: Place | null, labels: Readonly<Record<string, string>> = {}) =>
    ({
      kind: 'VirtualMachine',
      metadata: { namespace: 'ns', name: 'web', uid: 'web-uid', generation: 1, labels },
      spec: { virtualMachineClassName: 'generic', cpu: { cores: 1 }, memory: { size: '1Gi' } },
      ...(place === null ? {} : { status: { berth: { placement: { ...place, epoch: 1, since: 'then' } } } }),
    }) as unknown as VirtualMachine
  let follow: (change: Change) => void = () => undefined
  let now = vm(null)
  const reader = {
    get: () => null,
    list: (resource: string) => (resource === VMS ? [now] : []),
    byIndex: () => [now],
    onChange: (listener: typeof follow) => {
      follow = listener
      return () => undefined
    },
  }
  const state = new PlacementState({
    reader: reader as unknown as PlacementStateDeps['reader'],
    priorityOf: () => ({ priority: 0, preempts: true }),
    notReady: () => null,
    folderProblem: () => null,
    onRoom: () => undefined,
  })
  state.start()
  /** The store has it so from now on. */
  const stored = (next: VirtualMachine) => {
    const previous = now
    now = next
    const key = { resource: VMS, namespace: 'ns', name: 'web' }
    follow({ type: 'put', entry: { key, value: next, revision: 1n }, previous })
  }
  /** A disk of it is given to a host, as its decision does first. */
  const diskStored = (node: string) => {
    const value = {
      kind: 'VirtualDisk',
      metadata: { namespace: 'ns', name: 'root', uid: 'disk-uid' },
      status: { berth: { placement: { node, epoch: 1, since: 'then' } } },
    } as unknown as KubeObject
    follow({
      type: 'put',
      entry: { key: { resource: DISKS, namespace: 'ns', name: 'root' }, value, revision: 1n },
      previous: null,
    })
  }
  /** As a decision reserves it. */
  const decided = vmFacts({ uid: 'web-uid', name: 'web', namespace: 'ns' })
  state.cluster.place(decided, 'h1')
  return { state, stored, diskStored, vm, decided, known: () => state.cluster.vm('web-uid') }
}

it('a decision that comes to be is the one that counts already', () => {
  const { state, stored, vm, decided, known } = world()
  stored(vm({ node: 'h1' }))
  expect(known()).toBe(decided)
  expect(state.cluster.placesOf('web-uid')).toEqual(['h1'])
})

it('a decision counts also while its disks are stored and the machine is not yet: others would be put in its place', () => {
  const { state, stored, diskStored, vm, known } = world()
  diskStored('h1')
  expect(state.cluster.placesOf('web-uid')).toEqual(['h1'])
  expect(known()).not.toBeNull()
  stored(vm({ node: 'h1' }))
  expect(state.cluster.placesOf('web-uid')).toEqual(['h1'])
})

it('a disk gives its machine no place, and a machine that is to move keeps both', () => {
  const { state, diskStored, decided } = world()
  state.cluster.alsoPlace(decided, 'h2')
  diskStored('h1')
  expect(state.cluster.placesOf('web-uid')).toEqual(['h1', 'h2'])
  state.cluster.release('web-uid')
  diskStored('h1')
  expect(state.cluster.placesOf('web-uid')).toEqual([])
})

it('a machine that was given to another host than was decided here is there', () => {
  const { state, stored, vm } = world()
  stored(vm({ node: 'h2' }))
  expect(state.cluster.placesOf('web-uid')).toEqual(['h2'])
})

it('a machine that asks for something else before its place is stored is read anew', () => {
  const { stored, vm, known } = world()
  stored(vm(null, { app: 'web' }))
  expect(known()).toBeNull()
  stored(vm({ node: 'h1' }, { app: 'web' }))
  expect(known()?.labels).toEqual({ app: 'web' })
})

it('a place without room reserves none, whatever was decided', () => {
  const { stored, vm, known } = world()
  stored(vm({ node: 'h1', idle: true }))
  expect(known()).toBeNull()
})

it('a status that says nothing new of a place changes nothing', () => {
  const { stored, vm, known } = world()
  stored(vm({ node: 'h2' }))
  const before = known()
  stored(vm({ node: 'h2' }))
  expect(known()).toBe(before)
})
