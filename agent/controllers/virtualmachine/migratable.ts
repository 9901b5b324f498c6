// Whether a running machine can go to another host as it is, by what its QEMU has. Pure. What we put into a machine can; what somebody put
// there by other means (`virsh attach-device`) may not.
import type { Observed } from '../../../lib/domain/index.ts'
import { fileAt } from '../../migration/paths.ts'
import type { VmCondition } from './conditions.ts'

const WHAT: Readonly<Record<string, string>> = {
  hostdev: 'a device of this host',
  tpm: 'a TPM of this host',
  filesystem: 'a folder of this host',
  redirdev: 'a redirected USB device',
  shmem: 'memory shared with this host',
}

/** Of a machine that runs. */
export function migratable({
  immovable,
  disks,
}: Pick<Observed, 'immovable' | 'disks'>): readonly [state: VmCondition, message: string] {
  const type = 'Migratable' as const
  if (immovable.length > 0) {
    const names = [...new Set(immovable)].map((name) => WHAT[name] ?? name)
    return [
      { type, status: 'False', reason: 'VirtualMachineHostDevicesNotMigratable' },
      `it has ${names.join(' and ')}`,
    ]
  }
  const strange = disks.filter(({ path, device }) => (path === undefined ? device === 'disk' : fileAt(path) === null))
  if (strange.length > 0) {
    const named = strange.map(({ target, path }) => `${target} (${path ?? 'no file'})`)
    return [
      { type, status: 'False', reason: 'VirtualMachineDisksNotMigratable' },
      `no other host knows where these disks belong: ${named.join(', ')}`,
    ]
  }
  return [{ type, status: 'True', reason: 'VirtualMachineMigratable' }, '']
}
