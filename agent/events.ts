// Every Event that the agent records.
import { defineEvents } from '../lib/controllers/event-text.ts'

const MACHINE = 'VirtualMachine'
const NODE = 'Node'
const IMAGES = 'VirtualImage, ClusterVirtualImage'

export const AGENT_EVENTS = defineEvents({
  Started: { type: 'Normal', about: MACHINE, means: 'Its QEMU was started on the host that the message names.' },
  NewTPM: {
    type: 'Warning',
    about: MACHINE,
    means:
      'A machine with a TPM that has run elsewhere was started cold on this host, where its TPM is a new, empty one: what a TPM keeps goes along with a live move only.',
    todo: 'What the old TPM guarded needs its other key: BitLocker, for one, asks for its recovery key.',
  },
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
  Crashed: {
    type: 'Warning',
    about: MACHINE,
    means:
      'Its QEMU ended and nobody had asked Berth for that: it crashed, was killed, or somebody ended it with virsh. The run policies AlwaysOn and AlwaysOnUnlessStoppedManually start it again: at once, then after 5 s, and twice as long each further time, 5 min at most. A run of 5 min, or a changed spec, forgives.',
    todo: 'Look into `/var/log/libvirt/qemu/NAMESPACE.NAME.log` and the host’s kernel log (out of memory?).',
  },
  EndedByMove: {
    type: 'Warning',
    about: MACHINE,
    means:
      'A move of it broke when parts of the guest were on both hosts, or when the other host may have run it: what was left of it here was ended. Its run policy starts it again at once, which counts as no crash.',
    todo: 'See its move (`PostCopyFailed`, or the decision of `berth migrate resolve`).',
  },
  PoweredOff: { type: 'Normal', about: MACHINE, means: 'The guest powered itself off.' },
  Rebooted: {
    type: 'Normal',
    about: MACHINE,
    means: 'The guest rebooted itself and got a new QEMU, which applies waiting changes.',
  },
  HostRestarted: {
    type: 'Normal',
    about: MACHINE,
    means: 'The host was restarted while it ran. The run policy decides whether it is started again.',
  },
  PausedByDisk: {
    type: 'Warning',
    about: MACHINE,
    means:
      'A write of the guest failed on the host and QEMU paused the guest; it is let go on every 10 s until the write succeeds.',
    todo: 'Make room on the file system of its disks (`berth host check`).',
  },
  QemuNotAnswering: {
    type: 'Warning',
    about: MACHINE,
    means: 'Its QEMU has not answered its monitor for 5 s.',
    todo: 'See the reason QemuNotAnswering of the condition Running.',
  },
  QemuAnswers: { type: 'Normal', about: MACHINE, means: 'Its QEMU, which did not answer, does again or has ended.' },
  DefinitionRestored: {
    type: 'Warning',
    about: MACHINE,
    means:
      'Somebody undefined or renamed the domain, made libvirt start it by itself, or removed Berth’s note in it; the message says what. It is put right without touching the guest.',
    todo: 'Change machines through Berth only.',
  },
  Replugged: {
    type: 'Warning',
    about: MACHINE,
    means: 'Its network interface had lost its bridge, as after `virsh net-destroy`, and is on it again.',
  },
  Fenced: {
    type: 'Warning',
    about: MACHINE,
    means:
      'It was ended because the lease of its host ran out and it may be failed over. It is started again here only when the scheduler says that it is still here.',
    todo: 'Look at the network between the host and the scheduler; see the condition SchedulerReachable of the Node.',
  },
  Orphaned: {
    type: 'Warning',
    about: MACHINE,
    means: 'The scheduler does not know it. It runs on and is never deleted.',
    todo: 'See the condition Orphaned of the machine.',
  },
  LibvirtAway: {
    type: 'Warning',
    about: NODE,
    means: 'libvirt cannot be reached. Guests run on; nothing is started, stopped or changed.',
    todo: 'See the reason LibvirtAway of the condition LibvirtReady.',
  },
  LibvirtHangs: {
    type: 'Warning',
    about: NODE,
    means: 'libvirt takes connections and does not answer.',
    todo: 'See the reason LibvirtHangs of the condition LibvirtReady.',
  },
  LibvirtRefuses: {
    type: 'Warning',
    about: `${NODE}, ${MACHINE}`,
    means:
      'libvirt answers with errors where it should tell how it is, or how a machine is; the message has its words.',
    todo: 'Look into the log of libvirt; restarting libvirtd disturbs no guest.',
  },
  LibvirtSlow: {
    type: 'Warning',
    about: NODE,
    means: 'libvirt answers late.',
    todo: 'See the reason LibvirtSlow of the condition LibvirtReady.',
  },
  LibvirtBack: { type: 'Normal', about: NODE, means: 'libvirt answers again; the message says after how long.' },
  NetworkDown: {
    type: 'Warning',
    about: NODE,
    means: 'There is no network for guests; the message says why. It is tried again every 5 s.',
    todo: 'See the condition NetworkUnavailable.',
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
