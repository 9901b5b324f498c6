import type { HostCheck } from './check.ts'

export const firmwareCheck: HostCheck = {
  id: 'uefi',
  title: 'UEFI firmware for guests',
  condition: 'EFIAvailable',
  advice: {
    means: 'UEFI firmware is installed. Without it a machine with `bootloader: EFI` does not start.',
    todo: 'Install `ovmf`.',
  },
  run: async ({ efi }) => {
    if (efi !== null) return { status: 'ok', message: 'UEFI firmware is installed.', detail: efi.codePath }
    const message = 'No UEFI firmware was found: VMs with bootloader EFI cannot start here.'
    return { status: 'warn', message, remedy: 'Install the package ovmf.' }
  },
}
