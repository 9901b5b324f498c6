// A TPM, which hosts without swtpm cannot give.
import { type NodeFilter, refuse } from '../filter.ts'

const name = 'Tpm'

export const TPM: NodeFilter = {
  name,
  check({ vm }) {
    if (!vm.tpm) return null
    return ({ tpm }) =>
      tpm ? null : refuse(name, 'no TPM for guests', 'the VM has a TPM, and the node has no swtpm to emulate one')
  },
}
