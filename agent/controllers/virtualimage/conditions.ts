// What a VirtualImage's and a ClusterVirtualImage's conditions may say. Types and reasons are DVP's (vicondition, cvicondition), but for UsedByVirtualDisk.
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'

/** A source on its way; disks from a URL say the same. */
export const IMPORT_REASONS = {
  ProvisioningNotStarted: {
    status: 'False',
    means: 'The import waits for its turn; `importer.concurrency` of them run at a time.',
  },
  Provisioning: {
    status: 'False',
    means: 'The source is being downloaded or converted; `status.progress` tells how far.',
  },
  ProvisioningFailed: {
    status: 'False',
    means:
      'It did not work; the message says why, and when the next attempt is. What can’t become right by itself (a refused file or address, a wrong checksum) is not tried again.',
    todo: 'See [Imports](#imports). A changed `spec` begins anew; otherwise delete the object and create it again.',
  },
} as const

/** What keeps the object from being deleted. */
export const TERMINATING = {
  means: 'The object is deleted as soon as it may be.',
  reasons: {
    CleanupPending: {
      status: 'True',
      means: 'It is still in use, or its files are being removed; the message says which.',
      todo: 'Stop the machine, or delete the disk, that the message names.',
    },
  },
} as const

export const IMAGE_CONDITIONS = defineConditions('VirtualImage, ClusterVirtualImage', {
  DatasourceReady: {
    means: 'The source can be read.',
    reasons: { DatasourceReady: { status: 'True', means: 'A URL needs nothing first.' } },
  },
  StorageClassReady: {
    means: 'There is a place for the image.',
    reasons: {
      DVCRTypeUsed: { status: 'True', means: 'Images are kept in the store of this host, not in a StorageClass.' },
    },
  },
  Ready: {
    means: 'The image can be used.',
    reasons: {
      Ready: { status: 'True', means: 'It can.' },
      ...IMPORT_REASONS,
      ImageLost: {
        status: 'False',
        means: 'Its file in `images/` of the state folder is gone. Disks made from it cannot be used.',
        todo: 'Put the file back (from a backup, or mount the file system): the image is ready again at once. Without one, delete the image and import it again.',
      },
    },
  },
  InUse: {
    means: 'Something on this host needs the image; it stays until then.',
    reasons: {
      NotInUse: { status: 'False', means: 'Nothing does.' },
      AttachedToVirtualMachine: { status: 'True', means: 'Machines have it attached; the message names them.' },
      UsedByVirtualDisk: { status: 'True', means: 'Disks read through it; the message names them.' },
    },
  },
  Terminating: TERMINATING,
})

export type ImageCondition = ConditionOf<typeof IMAGE_CONDITIONS.table>
