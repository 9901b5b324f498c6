// Every Event that the scheduler records.
import { defineEvents } from '../lib/controllers/event-text.ts'

const MACHINE = 'VirtualMachine'

export const SCHEDULER_EVENTS = defineEvents({
  Scheduled: { type: 'Normal', about: MACHINE, means: 'It was given to the host that the message names.' },
  FailedScheduling: {
    type: 'Warning',
    about: MACHINE,
    means:
      'No host can take it now; the message says what they lack. It is tried again whenever that may have changed.',
    todo: '`berth explain vm NAME` lists every host.',
  },
  HostRefused: {
    type: 'Warning',
    about: MACHINE,
    means:
      'The host that it was given to did not take it; another one is looked for, and this one is avoided for a minute.',
    todo: 'Nothing, unless it happens again and again: the message has the words of the host.',
  },
  Preempted: {
    type: 'Warning',
    about: MACHINE,
    means: 'It is stopped to make room for a machine of higher priority, and is started again where there is room.',
    todo: 'Make room, or give it a higher `priorityClassName`.',
  },
  Orphaned: {
    type: 'Warning',
    about: 'Node',
    means: 'The host has an object of a scheduler that this one does not know. It runs on, and is never deleted.',
    todo: 'See docs/cluster-objects.md, "Orphans".',
  },
  FolderDiffers: {
    type: 'Warning',
    about: 'StorageClass',
    means:
      'The folder of a class with `shared: "true"` is another one on the host that the message names: it does not count as reaching the disks of the class.',
    todo: 'Mount the shared file system there. See the condition SharedFolders of the Node.',
  },
  NodeJoined: {
    type: 'Normal',
    about: 'Node',
    means: 'A host joined the cluster, or joined again: it has a new certificate.',
  },
  NodeLeft: { type: 'Normal', about: 'Node', means: 'A host left the cluster; its Node is gone.' },
})
