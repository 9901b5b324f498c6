// What a VirtualDisk's conditions may say. Types and reasons are DVP's (vdcondition).
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'
import { DEFAULT_STORAGE_CLASS_ANNOTATION } from '../../../schemas/resources.ts'
import { IMPORT_REASONS, TERMINATING } from '../virtualimage/conditions.ts'

const WAIT_FOR_IMAGE = 'The disk goes on by itself when the image is ready: see the image with `berth describe`.'

export const DISK_CONDITIONS = defineConditions('VirtualDisk', {
  DatasourceReady: {
    means: 'The source can be read. A disk that exists needs its source no more.',
    reasons: {
      DatasourceReady: { status: 'True', means: 'It can, or is not needed.' },
      ImageNotFound: {
        status: 'False',
        means: 'The VirtualImage does not exist.',
        todo: 'Create it, or name another one.',
      },
      ImageNotReady: { status: 'False', means: 'The VirtualImage is not ready on this host.', todo: WAIT_FOR_IMAGE },
      ClusterImageNotFound: {
        status: 'False',
        means: 'The ClusterVirtualImage does not exist.',
        todo: 'Create it, or name another one.',
      },
      ClusterImageNotReady: {
        status: 'False',
        means: 'The ClusterVirtualImage is not ready on this host.',
        todo: WAIT_FOR_IMAGE,
      },
    },
  },
  StorageClassReady: {
    means: 'There is a StorageClass for the disk.',
    reasons: {
      StorageClassReady: { status: 'True', means: 'There is.' },
      StorageClassNotReady: {
        status: 'False',
        means: 'The class that the disk names does not exist, or it names none and no class is the default.',
        todo: `Create it, or annotate one with \`${DEFAULT_STORAGE_CLASS_ANNOTATION}: "true"\`.`,
      },
    },
  },
  Ready: {
    means: 'Machines can use the disk.',
    reasons: {
      Ready: { status: 'True', means: 'They can.' },
      ...IMPORT_REASONS,
      StorageClassIsNotReady: {
        status: 'False',
        means: 'The disk waits for its StorageClass.',
        todo: 'See the condition StorageClassReady.',
      },
      WaitingForFirstConsumer: {
        status: 'False',
        means:
          'The class makes disks where the first machine that names them runs (`volumeBindingMode: WaitForFirstConsumer`), and none does yet.',
        todo: 'Create the machine, or use a class with `volumeBindingMode: Immediate`.',
      },
      DatasourceIsNotFound: {
        status: 'False',
        means: 'The disk waits for an image that does not exist.',
        todo: 'See the condition DatasourceReady.',
      },
      DatasourceIsNotReady: {
        status: 'False',
        means: 'The disk waits for an image that is not ready.',
        todo: 'See the condition DatasourceReady.',
      },
      PVCLost: {
        status: 'False',
        means: 'The file of the disk, or the image below it, is gone from this host (the name of the reason is DVP’s).',
        todo: 'Put it back, or mount the file system that holds it; the disk is ready again at once. The data of the guest is nowhere else.',
      },
    },
  },
  InUse: {
    means: 'A machine has the disk.',
    reasons: {
      AttachedToVirtualMachine: { status: 'True', means: 'The message names it.' },
      NotInUse: { status: 'False', means: 'None has.' },
    },
  },
  Resizing: {
    means: 'The disk is being grown to `spec.persistentVolumeClaim.size`.',
    reasons: {
      InProgress: {
        status: 'True',
        means: 'It is; the message says what it waits for.',
        todo: 'With a fault in the message: mend that. The guest must grow its file system itself.',
      },
    },
  },
  Terminating: TERMINATING,
})

export type DiskCondition = ConditionOf<typeof DISK_CONDITIONS.table>
