import { TPM_CONDITION } from '../../../schemas/index.ts'
import type { HostCheck } from './check.ts'

export const tpmCheck: HostCheck = {
  id: 'tpm',
  title: 'TPM for guests',
  condition: TPM_CONDITION,
  advice: {
    means: 'libvirt can give guests an emulated TPM 2.0. Without it a machine with `osType: Windows` does not start.',
    todo: 'Install `swtpm` and `swtpm-tools`, and restart berth-agent.',
  },
  run: async ({ tpm }) => {
    if (tpm === undefined)
      return { status: 'warn', unknown: true, message: 'libvirt has not said yet whether guests can have a TPM.' }
    if (tpm) return { status: 'ok', message: 'swtpm is installed: guests can have a TPM 2.0.' }
    const message = 'libvirt finds no swtpm: VMs with osType Windows cannot start here.'
    return { status: 'warn', message, remedy: 'Install the packages swtpm and swtpm-tools, and restart berth-agent.' }
  },
}
