/** Where this host keeps UEFI firmware for guests. */
import type { HostReader } from './host-reader.ts'

export interface EfiFirmware {
  /** Read-only code, shared by all guests. */
  readonly codePath: string
  /** Empty variables, copied for each guest. */
  readonly varsTemplate: string
}

/** Without Secure Boot, 4 MiB form before the old 2 MiB one. The first pair that is there serves. */
const CANDIDATES: readonly EfiFirmware[] = [
  // Debian, Ubuntu
  { codePath: '/usr/share/OVMF/OVMF_CODE_4M.fd', varsTemplate: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
  { codePath: '/usr/share/OVMF/OVMF_CODE.fd', varsTemplate: '/usr/share/OVMF/OVMF_VARS.fd' },
  // Fedora, RHEL
  { codePath: '/usr/share/edk2/ovmf/OVMF_CODE.fd', varsTemplate: '/usr/share/edk2/ovmf/OVMF_VARS.fd' },
  // Arch
  { codePath: '/usr/share/edk2/x64/OVMF_CODE.4m.fd', varsTemplate: '/usr/share/edk2/x64/OVMF_VARS.4m.fd' },
]

export async function findEfiFirmware(host: HostReader): Promise<EfiFirmware | null> {
  for (const pair of CANDIDATES) {
    if ((await host.exists(pair.codePath)) && (await host.exists(pair.varsTemplate))) return pair
  }
  return null
}
