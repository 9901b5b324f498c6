// What a host tells of operations, machines and disks, over a real store. The host is a fake.
import { expect, it } from 'vitest'
import { nameOf } from '../../../../lib/object.ts'
import { silentLog } from '../../../../lib/reconcile/log.ts'
import { Mirror } from '../../../../scheduler/mirror/mirror.ts'
import type { VirtualDisk, VirtualMachine, VirtualMachineOperation } from '../../../../schemas/index.ts'
import { DISKS, VM_OPERATIONS, VMS } from '../../../../schemas/resources.ts'
import { waitFor } from '../../../support/wait.ts'
import { addMachine, clusterWorld, machine } from '../cluster-world.ts'

it('an operation of which its host has said nothing yet stays as it is, and is no fault', async () => {
  const world = await clusterWorld(['h1'])
  await addMachine(world, 'web', 'h1')
  const operation = await world.resources.create<VirtualMachineOperation>(VM_OPERATIONS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachineOperation',
    metadata: { name: 'stop', namespace: 'default' },
    spec: { type: 'Stop', virtualMachineName: 'web' },
  } as never)
  let copy: VirtualMachineOperation = { ...operation, status: undefined } as never
  const faults: string[] = []
  let looks = 0
  const mirror = new Mirror({
    ...world,
    agents: {
      holders: () => ['h1'],
      view: () => {
        looks++
        return { node: 'h1', inSync: true, object: () => copy } as never
      },
    },
    silence: () => null,
    isMember: () => true,
    log: { ...silentLog, warn: (_: object, words: string) => faults.push(words) } as never,
  })
  const phase = () =>
    world.reader.get<VirtualMachineOperation>(VM_OPERATIONS, { namespace: 'default', name: 'stop' })?.status?.phase
  mirror.controller.start()
  mirror.enqueue('h1', VM_OPERATIONS, operation.metadata.uid)
  await waitFor('a look', 5, () => looks > 0)
  copy = { ...operation, status: { phase: 'InProgress', conditions: [], observedGeneration: 1 } } as never
  mirror.enqueue('h1', VM_OPERATIONS, operation.metadata.uid)
  await waitFor('what the host says', 5, () => phase() === 'InProgress')
  await mirror.controller.stop()
  expect(faults).toEqual([])
})

it('machines and disks of which a new host has said nothing yet keep what was known of them: no phase and no host is empty', async () => {
  const world = await clusterWorld(['h1'])
  const vm = await addMachine(world, 'web', 'h1', { phase: 'Pending' })
  const moved = await addMachine(world, 'moved', 'h1', { phase: 'Migrating' })
  await world.resources.modifyStatus<VirtualMachine>(
    VMS,
    { ...nameOf(moved), uid: moved.metadata.uid },
    (status) => ({ ...status, nodeName: 'h2' }) as never,
  )
  const disk = world.reader.get<VirtualDisk>(DISKS, { namespace: 'default', name: 'web-root' }) as VirtualDisk
  const copies = new Map<string, object>([
    [vm.metadata.uid, { ...vm, status: { conditions: [] } }],
    [moved.metadata.uid, { ...moved, status: { phase: 'Migrating', conditions: [] } }],
    [disk.metadata.uid, { ...disk, status: undefined }],
  ])
  const seen = new Set<string>()
  const mirror = new Mirror({
    ...world,
    agents: {
      holders: () => ['h1'],
      view: () => {
        const object = (_: string, uid: string) => {
          seen.add(uid)
          return copies.get(uid) ?? null
        }
        return { node: 'h1', inSync: true, object } as never
      },
    },
    silence: () => null,
    isMember: () => true,
    log: silentLog,
  })
  const phases = () =>
    [machine(world, 'web'), world.reader.get<VirtualDisk>(DISKS, { namespace: 'default', name: 'web-root' })].map(
      (object) => object?.status?.phase,
    )
  mirror.controller.start()
  mirror.enqueue('h1', VMS, vm.metadata.uid)
  mirror.enqueue('h1', VMS, moved.metadata.uid)
  mirror.enqueue('h1', DISKS, disk.metadata.uid)
  await waitFor('a look at each', 5, () => seen.size === 3)
  // Stopping waits for the looks that are under way.
  await mirror.controller.stop()
  expect(phases()).toEqual(['Pending', 'Ready'])
  expect(machine(world, 'moved').status).toMatchObject({ phase: 'Migrating', nodeName: 'h2' })
})
