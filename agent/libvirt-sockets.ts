// Which of libvirt's daemons to talk to: one libvirtd for everything, or the modular ones (libvirt documentation, "daemons").
import { access } from 'node:fs/promises'

export interface Sockets {
  readonly qemu: string
  /** Null: networks are served on the same socket. */
  readonly network: string | null
}

const MONOLITHIC = '/run/libvirt/libvirt-sock'
const QEMU = '/run/libvirt/virtqemud-sock'
const NETWORK = '/run/libvirt/virtnetworkd-sock'

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** What was configured, completed by what is there. Without any daemon: libvirtd's socket, for it may come. */
export async function chooseSockets(
  configured: { readonly socket?: string; readonly networkSocket?: string },
  there: (path: string) => Promise<boolean> = exists,
): Promise<Sockets> {
  const modular = configured.socket === undefined && !(await there(MONOLITHIC)) && (await there(QEMU))
  const qemu = configured.socket ?? (modular ? QEMU : MONOLITHIC)
  const network = configured.networkSocket ?? (qemu === QEMU ? NETWORK : null)
  return { qemu, network: network === qemu ? null : network }
}
