// A host is remembered until nothing of the machine is left there in the store.
import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../../../lib/clock.ts'
import { silentLog } from '../../../../../lib/reconcile/log.ts'
import { Refusals } from '../../../../../scheduler/binder/refusals.ts'
import { VmPlacement } from '../../../../../scheduler/controllers/virtualmachine/controller.ts'
import type { HostBinding, VirtualDisk } from '../../../../../schemas/index.ts'
import { DISKS, STORAGE_CLASSES, VMS } from '../../../../../schemas/resources.ts'
import { aVm } from '../../../../support/objects.ts'
import { waitFor } from '../../../../support/wait.ts'

const SINCE = '2026-01-01T00:00:00Z'

it('a shared disk follows its machine before the host that let the machine go is forgotten', async () => {
  const { status, spec, ...rest } = aVm()
  const vm = {
    ...rest,
    spec: { ...spec, blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root' }] },
    status: {
      ...status,
      berth: {
        placement: { node: 'h2', epoch: 2, since: SINCE },
        leaving: [{ node: 'h1', epoch: 1, since: SINCE }],
      },
    },
  }
  const disk = {
    kind: 'VirtualDisk',
    metadata: { name: 'root', namespace: 'default', uid: 'disk' },
    spec: { persistentVolumeClaim: { storageClassName: 'shared' } },
    status: { berth: { placement: { node: 'h1', epoch: 1, since: SINCE } } },
  } as unknown as VirtualDisk
  const shared = { kind: 'StorageClass', metadata: { name: 'shared' }, parameters: { shared: 'true', path: '/srv' } }
  const objects: Readonly<Record<string, unknown>> = { [VMS]: vm, [DISKS]: disk, [STORAGE_CLASSES]: shared }
  const released = { spec: { role: 'Released', epoch: 1 }, status: { phase: 'Released', epoch: 1 } } as HostBinding
  const written: [string, unknown][] = []
  const { controller } = new VmPlacement({
    reader: { get: (resource: string) => objects[resource] ?? null, list: () => [], byIndex: () => [] } as never,
    resources: {
      modifyStatus: async (resource: string, _name: unknown, change: (status: unknown, now: unknown) => unknown) => {
        const { berth } = change((objects[resource] as typeof vm).status, objects[resource]) as typeof vm.status
        written.push([resource, berth])
      },
    } as never,
    agents: { view: () => ({ inSync: true }), bindingsOf: () => new Map([['h1', released]]) } as never,
    refusals: new Refusals(systemClock),
    clock: systemClock,
    log: silentLog,
  } as unknown as ConstructorParameters<typeof VmPlacement>[0])
  onTestFinished(async () => void (await controller.stop()))
  controller.start()
  controller.enqueue('default/web')
  await waitFor('the host to be forgotten', 10, () => written.some(([resource]) => resource === VMS))
  expect(written.slice(0, 2)).toMatchObject([
    [DISKS, { placement: { node: 'h2', epoch: 2 }, leaving: [{ node: 'h1', epoch: 1 }] }],
    [VMS, { placement: { node: 'h2', epoch: 2 } }],
  ])
})
