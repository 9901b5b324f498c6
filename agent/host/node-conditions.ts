/** What the conditions of a Node may say. The checks bring their own types and advice; their reasons are the same for all. */
import type { Advice } from '../../lib/advice.ts'
import { type ConditionOf, defineConditions } from '../../lib/conditions.ts'
import type { KvmFailure } from './kvm-judge.ts'

const OR_EMULATE =
  'Use a host with hardware virtualization, or allow emulation (`allowEmulation: true`), which is slow.'

export const NODE_CONDITIONS = defineConditions('Node', {
  Ready: {
    means: 'Machines can be started here: libvirt answers and the accelerator is settled.',
    reasons: {
      AgentReady: { status: 'True', means: 'They can, with KVM.' },
      AgentReadyEmulated: {
        status: 'True',
        means: 'They can, emulated: KVM is not usable and the configuration allows emulation. Guests are slow.',
        todo: 'See the condition KVMUsable.',
      },
      LibvirtNotReady: {
        status: 'False',
        means: 'libvirt or its QEMU does not answer. Machines that run go on; nothing can be started.',
        todo: 'See the conditions LibvirtReady, LibvirtAvailable and QEMUAvailable.',
      },
      NoAccelerator: {
        status: 'False',
        means: 'KVM is not usable and the configuration does not allow emulation.',
        todo: 'See the condition KVMUsable, or set `allowEmulation: true`.',
      },
    },
  },
  LibvirtReady: {
    means: 'libvirt answers, by a question every two seconds.',
    reasons: {
      LibvirtAnswers: { status: 'True', means: 'It does, and fast.' },
      LibvirtSlow: {
        status: 'True',
        means:
          'It does, and takes longer than 1 s for its lightest answers, or work waits longer than 10 s for one of its workers.',
        todo: 'Look for QEMUs that do not answer and for a host that is overloaded or swaps.',
      },
      LibvirtAway: {
        status: 'False',
        means: 'It cannot be reached. Guests run on; nothing is started, stopped or changed until it is back.',
        todo: 'Start libvirtd (or virtqemud): `systemctl status libvirtd virtqemud`. What was asked meanwhile is done then.',
      },
      LibvirtHangs: {
        status: 'False',
        means: 'It takes connections and does not answer within 5 s. Guests run on.',
        todo: 'See whether its process is stopped, and whether the host is out of memory or waits for a disk. Restarting libvirtd disturbs no guest.',
      },
      LibvirtRefuses: {
        status: 'False',
        means: 'It answers with errors; the message has its words.',
        todo: 'Look into the log of libvirt; restarting libvirtd disturbs no guest.',
      },
    },
  },
  NetworkUnavailable: {
    means: 'There is no network for guests on this host.',
    reasons: {
      NetworkUp: { status: 'False', means: 'There is.' },
      NetworkDown: {
        status: 'True',
        means: 'There is none; the message says why. It is tried again every 5 s; machines that are to start wait.',
        todo: 'Mend what the message says: a subnet in use (`network.cidr`), dnsmasq missing, libvirt away.',
      },
    },
  },
  SchedulerReachable: {
    means: 'The lease of this host with its scheduler holds. There only on a host that belongs to a cluster.',
    reasons: {
      LeaseHeld: { status: 'True', means: 'It does.' },
      LeaseLost: {
        status: 'False',
        means:
          'The scheduler was not heard for 15 s; the message has the last words. Machines run on and are looked after; those that may be failed over end, where `failover` of the configuration says so, and are not started before the scheduler is heard again.',
        todo: 'Look at the scheduler and at the network to it.',
      },
      FencingNotReady: {
        status: 'False',
        means:
          'The lease holds, and what `failover` of the configuration asks for does not work; the message says what. Machines that may be failed over are not started.',
        todo: 'Mend what the message names: the watchdog’s device, the runtime folder, the program of the fencer.',
      },
    },
  },
  Overloaded: {
    means: 'The agent does not keep up with its work. Guests are not disturbed.',
    reasons: {
      KeepsUp: { status: 'False', means: 'It does.' },
      EventLoopBusy: {
        status: 'True',
        means:
          'Its one thread was busy for 95 % of three times ten seconds; answers are late. It is over after a minute below 80 %.',
        todo: 'Look who asks so much: the audit log, `berth_api_requests_total`. Give the host a faster core, or ask less often.',
      },
      QueuesLate: {
        status: 'True',
        means:
          'What people asked for waited longer than 30 s for its turn, three looks in a row; the message names the controller. It is over after a minute below 10 s.',
        todo: 'See `berth_reconcile_*` for what its passes wait for, LibvirtReady for a slow libvirt, and the host for a slow disk.',
      },
    },
  },
  StorageReady: {
    means: 'Disks of every storage class can be used and made on this host. The message has the room in each.',
    reasons: {
      ClassesUsable: { status: 'True', means: 'They can.' },
      ClassNotUsable: {
        status: 'False',
        means:
          'The folder of a class is missing, cannot be written or does not answer; the message says which. Disks of that class are given to other hosts.',
        todo: 'Make the folder or mount its file system there. It is looked at every 30 s. A class of that name which the host has of its own has to go: `kubectl delete sc NAME` at its agent.',
      },
    },
  },
  UnknownObjects: {
    means:
      'The host has machines, disks or images of Berth that the database does not know: it is an older copy, or was lost.',
    reasons: {
      AllKnown: { status: 'False', means: 'It has none.' },
      UnknownOnHost: {
        status: 'True',
        means: 'It has; the message names them. They are left alone, running or not.',
        todo: '`berth-agent --rebuild --missing`, with the agent stopped, adds them to the database. What is not wanted is removed by hand: [backup.md](backup.md#what-an-older-database-means-for-what-is-newer).',
      },
    },
  },
})

export type NodeCondition = ConditionOf<typeof NODE_CONDITIONS.table>
export type NodeReady = Extract<NodeCondition, { readonly type: 'Ready' }>
export type LibvirtTroubleReason = Exclude<
  Extract<NodeCondition, { readonly type: 'LibvirtReady' }>['reason'],
  'LibvirtAnswers'
>

export type OverloadReason = Extract<NodeCondition, { readonly type: 'Overloaded'; readonly status: 'True' }>['reason']

/** Of the conditions that are host checks. */
export const CHECK_REASONS: Readonly<Record<'CheckPassed' | 'CheckFailed' | 'CheckInconclusive' | KvmFailure, Advice>> =
  {
    CheckPassed: { means: 'The condition is True.' },
    CheckFailed: {
      means: 'The condition is False; the message says what was found.',
      todo: '`berth host check` prints the remedy.',
    },
    CheckInconclusive: { means: 'The condition is Unknown: the host does not tell, or the check did not end in 10 s.' },
    NoKVMDevice: {
      means: 'There is no `/dev/kvm`.',
      todo: 'Switch on VT-x or AMD-V in the firmware and load kvm_intel or kvm_amd; in a virtual machine, enable nested virtualization.',
    },
    KVMFailed: {
      means: 'QEMU could not start a guest under KVM, or KVM was not measured yet because libvirt does not answer.',
      todo: `The message has QEMU’s words. ${OR_EMULATE}`,
    },
    KVMHangs: { means: 'KVM opens, and a guest does not get on under it.', todo: OR_EMULATE },
    KVMSlowerThanEmulation: { means: 'KVM opens, and is slower than emulation.', todo: OR_EMULATE },
  }
