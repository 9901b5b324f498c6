// KVM for what cannot be emulated, and the same accelerator for a VM that moves while it runs.
import { type NodeFilter, refuse } from '../filter.ts'

const name = 'Accelerator'

export const ACCELERATOR: NodeFilter = {
  name,
  check({ vm: { cpu } }) {
    const wanted = cpu.accelerator
    if (wanted === undefined) return null
    const other = wanted === 'kvm' ? 'the VM needs KVM' : 'the VM runs emulated'
    return ({ accelerator }) => {
      if (accelerator === wanted) return null
      const has = accelerator === null ? 'is not known' : accelerator === 'kvm' ? 'is KVM' : 'is emulation'
      return refuse(name, `no ${wanted === 'kvm' ? 'KVM' : 'emulation'}`, `${other}, the node's accelerator ${has}`)
    }
  },
}
