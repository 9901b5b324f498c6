import type { HostCheck } from './check.ts'

/** The measured verdict, not the presence of the device. */
export const kvmCheck: HostCheck = {
  id: 'kvm',
  title: 'KVM runs guest code',
  condition: 'KVMUsable',
  run: async ({ kvm }) => {
    if (kvm.usable) return { status: 'ok', message: kvm.message }
    const remedy =
      kvm.reason === 'NoKVMDevice'
        ? 'Switch on VT-x or AMD-V in the firmware and load kvm_intel or kvm_amd; in a virtual machine, enable nested virtualization.'
        : 'Use a host with hardware virtualization, or allow emulation (allowEmulation: true), which is slow.'
    return { status: 'fail', message: kvm.message, detail: kvm.reason, remedy }
  },
}
