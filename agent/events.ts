// Every Event that the agent records.
import { defineEvents } from '../lib/controllers/event-text.ts'

const MACHINE = 'VirtualMachine'
const IMAGES = 'VirtualImage, ClusterVirtualImage'

export const AGENT_EVENTS = defineEvents({
  Started: { type: 'Normal', about: MACHINE, means: 'Its QEMU was started on the host that the message names.' },
  Stopping: {
    type: 'Normal',
    about: MACHINE,
    means: 'The guest was asked to power off, or is ended at once; the message says which.',
  },
  Attached: { type: 'Normal', about: MACHINE, means: 'A disk or image was attached while the guest runs.' },
  Detaching: {
    type: 'Normal',
    about: MACHINE,
    means: 'The guest was asked to let a disk or image go; it goes when the guest agrees.',
    todo: 'When it stays: unmount it in the guest.',
  },
  FailedStep: {
    type: 'Warning',
    about: MACHINE,
    means: 'libvirt, QEMU or the host refused a step; the message has its words. It is tried again, ever more seldom.',
    todo: 'Mend what the message says. More is in the log of the agent and in `/var/log/libvirt/qemu/NAMESPACE.NAME.log`.',
  },
  ConsoleSessionPreempted: {
    type: 'Warning',
    about: MACHINE,
    means: 'Somebody took the serial console from somebody else; the message names both.',
  },
  VNCSessionPreempted: {
    type: 'Warning',
    about: MACHINE,
    means: 'Somebody took the screen from somebody else; the message names both.',
  },
  DataSourceImportStarted: { type: 'Normal', about: IMAGES, means: 'The download has begun.' },
  DataSourceImportCompleted: { type: 'Normal', about: `${IMAGES}, VirtualDisk`, means: 'The image or disk is ready.' },
  DataSourceImportFailed: {
    type: 'Warning',
    about: `${IMAGES}, VirtualDisk`,
    means: 'An attempt failed, or the file of a disk is missing; the message says why.',
    todo: 'See [Imports](#imports), and the condition Ready of the object.',
  },
  ImageLost: {
    type: 'Warning',
    about: IMAGES,
    means: 'The file of an image that was ready is gone from the host.',
    todo: 'See the reason ImageLost of the condition Ready.',
  },
  FolderNotUsable: {
    type: 'Warning',
    about: 'StorageClass',
    means: 'The folder of the class cannot hold disks; the message says why. It is looked at again each minute.',
    todo: 'Make the folder, mount the file system, or change `parameters.path` of the class.',
  },
})
