// What a scheduler says of the shared folders of a host.
import { type ConditionOf, defineConditions } from '../../lib/conditions.ts'

export const FOLDER_CONDITIONS = defineConditions('Node (shared folders, said by a scheduler)', {
  SharedFolders: {
    means:
      'The folders of storage classes with `shared: "true"` are the same here as on other hosts, by the file `.berth-folder` in each.',
    reasons: {
      SameFolders: { status: 'True', means: 'They are.' },
      FolderDiffers: {
        status: 'False',
        means:
          'A folder is another one here; the message says which, and where the others are. Machines with disks there do not start here, move here or fail over to here.',
        todo: 'Mount the shared file system on this host, before anything is made in the folder below it. It is looked at every 30 s.',
      },
    },
  },
})

export type FolderCondition = ConditionOf<typeof FOLDER_CONDITIONS.table>
