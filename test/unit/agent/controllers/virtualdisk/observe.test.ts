// What is known of a disk before anything is made for it.
import { expect, it } from 'vitest'
import { type DiskObserveDeps, observeDisk } from '../../../../../agent/controllers/virtualdisk/observe.ts'
import { planDisk } from '../../../../../agent/controllers/virtualdisk/plan.ts'
import { HOST_BINDINGS, STORAGE_CLASSES } from '../../../../../agent/names.ts'
import type { KubeObject } from '../../../../../lib/object.ts'
import type { VirtualDisk } from '../../../../../schemas/index.ts'

const disk = {
  kind: 'VirtualDisk',
  metadata: { namespace: 'default', name: 'root', uid: 'u1', finalizers: ['virtualization.deckhouse.io/vd-cleanup'] },
  spec: { persistentVolumeClaim: { size: '1Gi', storageClassName: 'local' } },
} as unknown as VirtualDisk

/** A host without a file of it. */
const host = (binding: object | null): DiskObserveDeps =>
  ({
    reader: {
      get: (resource: string) =>
        resource === HOST_BINDINGS
          ? binding
          : resource === STORAGE_CLASSES
            ? { metadata: { name: 'local' }, provisioner: 'berth/dir', parameters: {} }
            : null,
      list: () => [],
      byIndex: () => [],
    },
    driver: { get: () => null },
    stateDir: '/var/lib/berth',
  }) as unknown as DiskObserveDeps

const bound = (status: object) => ({
  spec: { role: 'Owner', subject: { uid: 'u1' } },
  objects: [{ ...disk, status } as unknown as KubeObject],
})

const stepsOf = async (binding: object | null) =>
  planDisk(await observeDisk(disk, host(binding))).map(({ do: step }) => step)

it.each([
  ['of the host itself', null, ['create']],
  ['that no host has made', bound({ phase: 'Pending' }), ['create']],
  [
    'that was made before its scheduler gave it to this host',
    bound({ target: { persistentVolumeClaimName: 'u1.qcow2' } }),
    [],
  ],
])('a disk %s', async (_, binding, steps) => {
  const made = (await stepsOf(binding)).filter((step) => step !== 'hold')
  expect(made).toEqual(steps)
})
