import type { HostCheck } from './check.ts'

/** The measured verdict, not the presence of the device. */
export const kvmCheck: HostCheck = {
  id: 'kvm',
  title: 'KVM runs guest code',
  condition: 'KVMUsable',
  advice: {
    means: 'A guest program runs under KVM, and faster than emulated. Measured, not guessed from `/dev/kvm`.',
    todo: 'See the reason in the table below.',
  },
  run: async ({ kvm }) => {
    if (kvm.usable) return { status: 'ok', message: kvm.message }
    const remedy =
      kvm.reason === 'NoKVMDevice'
        ? 'Switch on VT-x or AMD-V in the firmware and load kvm_intel or kvm_amd; in a virtual machine, enable nested virtualization.'
        : 'Use a host with hardware virtualization, or allow emulation (allowEmulation: true), which is slow.'
    return { status: 'fail', message: kvm.message, detail: kvm.reason, reason: kvm.reason, remedy }
  },
}
