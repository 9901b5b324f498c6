// What a VirtualMachine's conditions may say. Types and reasons are DVP's (vmcondition).
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'

const SEE_MESSAGE = 'The message names what is missing; the machine goes on by itself when it is there.'
const LAST_SEEN = 'The guest runs on if it did; the rest of the status is the last that was seen.'
const SEE_NODE = 'See the condition LibvirtReady of the Node.'

export const VM_CONDITIONS = defineConditions('VirtualMachine', {
  VirtualMachineClassReady: {
    means: 'The class exists and its CPU runs on this host.',
    reasons: {
      VirtualMachineClassReady: { status: 'True', means: 'It does.' },
      VirtualMachineClassNotReady: {
        status: 'False',
        means: 'The class does not exist, or asks for a CPU that this host does not have.',
        todo: 'Create the class, name another one in `spec.virtualMachineClassName`, or change `spec.cpu` of the class. `berth host check` and the labels of the Node list what the CPU has.',
      },
    },
  },
  BlockDevicesReady: {
    means: 'Every disk and image of `spec.blockDeviceRefs` can be used.',
    reasons: {
      BlockDevicesReady: { status: 'True', means: 'They can.' },
      BlockDevicesNotReady: {
        status: 'False',
        means:
          'One of them does not exist, is not ready, is in use by another machine, or could not be attached to the running one.',
        todo: `${SEE_MESSAGE} Look at that disk or image with \`berth describe\`; take it out of \`spec.blockDeviceRefs\` if it is not wanted.`,
      },
    },
  },
  ProvisioningReady: {
    means: 'The user data of `spec.provisioning` is there.',
    reasons: {
      ProvisioningReady: { status: 'True', means: 'It is, or none is asked for.' },
      ProvisioningNotReady: {
        status: 'False',
        means: 'The Secret does not exist or lacks the key `userData`.',
        todo: 'Create the Secret, or add the key.',
      },
    },
  },
  SizingPolicyMatched: {
    means: 'Cores, core fraction and memory are what the class allows.',
    reasons: {
      SizingPolicyMatched: { status: 'True', means: 'They are.' },
      SizingPolicyNotMatched: {
        status: 'False',
        means: 'They are not; a machine that runs already runs on.',
        todo: 'The message lists each difference: change `spec.cpu` or `spec.memory`, or the sizing policies of the class.',
      },
      VirtualMachineClassNotFound: {
        status: 'False',
        means: 'There is no class to compare with.',
        todo: 'Create the class or name another one.',
      },
    },
  },
  Running: {
    means: 'The guest runs.',
    reasons: {
      Running: { status: 'True', means: 'It does.' },
      GuestNotRunning: {
        status: 'False',
        means:
          'QEMU is there, the guest is paused; the message says why: by hand, or because the host has no room left for a write of the guest.',
        todo: 'By hand: `virsh resume NAMESPACE.NAME`. A failed write: make room (`berth host check`), and it goes on by itself within 10 s.',
      },
      LibvirtAway: { status: 'Unknown', means: `libvirt has been away for 10 s. ${LAST_SEEN}`, todo: SEE_NODE },
      LibvirtHangs: { status: 'Unknown', means: `libvirt has not answered for 10 s. ${LAST_SEEN}`, todo: SEE_NODE },
      LibvirtRefuses: {
        status: 'Unknown',
        means: `libvirt answers with an error when it is asked how this machine is. ${LAST_SEEN}`,
        todo: 'The message has libvirt’s words; look into its log. Restarting libvirtd disturbs no guest.',
      },
      QemuNotAnswering: {
        status: 'Unknown',
        means:
          'QEMU is there and has not answered its monitor for 5 s: its process was stopped by a signal, or waits for a disk of the host (NFS, a dying drive). Other machines are not held up; nothing is changed on this one until it answers.',
        todo: 'Look at its process (`ps -o stat,wchan -p $(cat /run/libvirt/qemu/NAMESPACE.NAME.pid)`): `T` goes on with `kill -CONT`, `D` waits for a disk. A forced stop or restart ends it.',
      },
      InternalVirtualMachineError: {
        status: 'False',
        means: 'libvirt or QEMU refused the last step; the message has its words. It is tried again, ever more seldom.',
        todo: 'Mend what the message says. More is in the log of libvirt and in `/var/log/libvirt/qemu/NAMESPACE.NAME.log`.',
      },
      NotRunning: {
        status: 'False',
        means: 'It is not wanted to run; the message says who stopped it.',
        todo: 'To start it: a VirtualMachineOperation `Start` (`berth start NAME`), or a run policy that keeps it on.',
      },
      NoBootableDevice: {
        status: 'False',
        means: 'The first device to boot is an image that is no ISO, and an image is read-only.',
        todo: 'Make a VirtualDisk from the image and put it first.',
      },
      PodNotStarted: {
        status: 'False',
        means:
          'It is wanted to run and waits; the message says for what (the name of the reason is DVP’s; there is no pod). With free capacity missing it starts when another machine ends; a QEMU that ended again and again waits longer each time.',
        todo: 'Nothing when the start is under way. Otherwise make room, or mend what the message names.',
      },
    },
  },
  Migrating: {
    means: 'The machine is moving to or from another host, live. The condition goes with the move.',
    reasons: {
      InProgress: {
        status: 'True',
        means: 'It is; the message says how far it is. Nothing else is done to it meanwhile.',
        todo: 'Nothing, as long as the message changes. One that says that the outcome is not known: bring the named host back, or decide with `berth migrate resolve`.',
      },
    },
  },
  Migratable: {
    means: 'The machine can be moved to another host while it runs. There only while it runs.',
    reasons: {
      VirtualMachineMigratable: { status: 'True', means: 'It can, if a host has room for it.' },
      VirtualMachineHostDevicesNotMigratable: {
        status: 'False',
        means:
          'Its QEMU has a device that belongs to this host (a TPM, a PCI or USB device, a shared folder), which was put there by other means than its spec.',
        todo: 'Take the device out (`virsh detach-device`), or stop the machine: what is in its spec can start elsewhere.',
      },
      VirtualMachineDisksNotMigratable: {
        status: 'False',
        means: 'It has a disk that no other host knows: one that was put there by other means than its spec.',
        todo: 'Take the disk out (`virsh detach-disk`); make a VirtualDisk of it if it is needed.',
      },
    },
  },
  VirtualMachineIPAddressReady: {
    means: 'The guest has an address of this host’s network. There only while it has not.',
    reasons: {
      VirtualMachineIPAddressNotAvailable: {
        status: 'False',
        means:
          'The guest was moved here with an address that this host’s network does not have, or has given to another guest. It runs, and is not reached until it asks for another address.',
        todo: 'Renew its DHCP lease in the guest (`dhclient -r; dhclient`, `networkctl renew`) or restart it. So that addresses can be kept, give `network.cidr` the same subnet on all hosts.',
      },
    },
  },
  AgentReady: {
    means: '`qemu-guest-agent` answers in the guest.',
    reasons: {
      AgentReady: { status: 'True', means: 'It does.' },
      AgentNotReady: {
        status: 'False',
        means: 'The guest does not run, has not booted yet, or has no agent. The machine works without.',
        todo: 'Install and start `qemu-guest-agent` in the guest to see its operating system and addresses.',
      },
    },
  },
  AwaitingRestartToApplyConfiguration: {
    means: 'Changes of the spec wait for a restart; `status.restartAwaitingChanges` lists them.',
    reasons: {
      ChangesPendingRestart: {
        status: 'True',
        means: 'They do. A reboot from inside the guest applies them too.',
        todo: 'Restart the machine when it suits: `berth restart NAME`.',
      },
      NoRestartRequired: { status: 'False', means: 'Nothing waits.' },
    },
  },
  Orphaned: {
    means: 'The scheduler that gave this machine to its host does not know it any more. There only while it is so.',
    reasons: {
      UnknownToScheduler: {
        status: 'True',
        means: 'It does not: its database is an older copy, or was lost. The machine runs on, and nothing deletes it.',
        todo: '`berth-scheduler --rebuild --missing NODE=URL` takes it up again. To be rid of it, delete its HostBinding and then the machine at the agent.',
      },
    },
  },
  ConfigurationApplied: {
    means: 'The running machine is what the spec says.',
    reasons: {
      ConfigurationApplied: { status: 'True', means: 'It is.' },
      ConfigurationNotApplied: {
        status: 'False',
        means: 'Changes wait for a restart, or a device is still on its way in or out.',
        todo: 'Restart, or wait. A guest that does not let a disk go must unmount it first.',
      },
    },
  },
})

export type VmCondition = ConditionOf<typeof VM_CONDITIONS.table>
