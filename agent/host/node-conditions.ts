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
        todo: 'See the conditions LibvirtAvailable and QEMUAvailable.',
      },
      NoAccelerator: {
        status: 'False',
        means: 'KVM is not usable and the configuration does not allow emulation.',
        todo: 'See the condition KVMUsable, or set `allowEmulation: true`.',
      },
    },
  },
})

export type NodeReady = ConditionOf<typeof NODE_CONDITIONS.table>

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
