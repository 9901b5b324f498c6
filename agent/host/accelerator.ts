/** Whether guests run by KVM, by emulation, or not at all. Pure. */
import type { KvmVerdict } from './kvm-judge.ts'

export interface AcceleratorConfig {
  readonly accelerator: 'auto' | 'kvm' | 'emulation'
  readonly allowEmulation: boolean
}

export type AcceleratorDecision =
  /** libvirt's domain type, and why. */
  | { readonly use: 'kvm' | 'qemu'; readonly message: string }
  /** No guest may start; the sentence says what to change. */
  | { readonly refused: string }

export function decideAccelerator(
  { accelerator, allowEmulation }: AcceleratorConfig,
  verdict: Pick<KvmVerdict, 'usable' | 'message'>,
): AcceleratorDecision {
  if (accelerator === 'emulation') {
    if (allowEmulation) return { use: 'qemu', message: 'The configuration asks for emulation: guests run slowly.' }
    return { refused: 'The configuration asks for emulation, which needs allowEmulation: true beside it.' }
  }
  if (verdict.usable) return { use: 'kvm', message: verdict.message }
  if (accelerator === 'kvm')
    return { refused: `The configuration asks for KVM, which is not usable. ${verdict.message}` }
  if (allowEmulation)
    return { use: 'qemu', message: `Guests are emulated and slow, as KVM is not usable. ${verdict.message}` }
  return { refused: `KVM is not usable and emulation is not allowed (allowEmulation: false). ${verdict.message}` }
}
