/** MAC addresses of guests. Pure. */
import { createHash } from 'node:crypto'

/**
 * The MAC of a VM's NIC: `02` (locally administered, one station) and 40 bits of a hash of the VM's uid and the NIC's
 * index. The same VM has the same MAC after every restart and on every host, without a table. 0xFE as the first octet
 * would be refused by libvirt, which keeps it for the host's end.
 */
export function macAddress(vmUid: string, nicIndex: number): string {
  const hash = createHash('sha256').update(`${vmUid}/${nicIndex}`).digest()
  return ['02', ...[...hash.subarray(0, 5)].map((octet) => octet.toString(16).padStart(2, '0'))].join(':')
}

/** It may be one of {@link macAddress}: what an operator reserves for cards of other makers is none. */
export const isOurs = (mac: string): boolean => mac.startsWith('02:')
