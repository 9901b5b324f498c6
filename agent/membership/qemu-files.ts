// The certificates that QEMUs show each other when a machine moves, where libvirt's qemu.conf looks for them (migrate_tls_x509_cert_dir).
// QEMU's own user reads them; they open nothing but a migration.
import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { groupId } from '../../lib/apiserver/auth/group.ts'
import { readIfThere, writeAtomically } from '../../lib/files.ts'
import { DH_PARAMS } from './dh-params.ts'
import type { Member } from './files.ts'

/** Debian's, then Fedora's. */
const QEMU_GROUPS = ['libvirt-qemu', 'kvm', 'qemu']

/** Writes what differs. @returns whether anything did @throws Error with words */
export async function placeQemuFiles(folder: string, { ca, qemu }: Pick<Member, 'ca' | 'qemu'>): Promise<boolean> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const files = {
    'ca-cert.pem': ca,
    'server-cert.pem': qemu.cert,
    'client-cert.pem': qemu.cert,
    'server-key.pem': qemu.key,
    'client-key.pem': qemu.key,
    'dh-params.pem': DH_PARAMS,
  }
  let changed = false
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name)
    if ((await readIfThere(path)) === text) continue
    const isKey = name.endsWith('-key.pem')
    await writeAtomically(path, text, isKey ? 0o640 : 0o644)
    if (isKey) await giveToQemu(path)
    changed = true
  }
  return changed
}

/** Without such a group QEMU runs as root. */
async function giveToQemu(path: string): Promise<void> {
  for (const group of QEMU_GROUPS) {
    const gid = await groupId(group)
    if (gid !== null) return await chown(path, 0, gid)
  }
}
