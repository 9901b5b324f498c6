// Whether a running virtual machine has a screen, and where its VNC server listens: as its live definition says.
import { observeDomain } from '../../lib/domain/index.ts'
import { type Domain, isNoDomain, type LibvirtPool } from '../../lib/libvirt/index.ts'
import { conflict, lostLibvirt, type Machine } from './machines.ts'

/**
 * Path of the VNC server's unix socket.
 * @throws ApiError `Conflict` for a machine that was started without a screen or has just ended, `ServiceUnavailable` without libvirt
 */
export async function screenSocket(
  libvirt: Pick<LibvirtPool, 'call'>,
  { metadata: { name } }: Machine,
  dom: Domain,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { xml } = await libvirt.call('DomainGetXMLDesc', { dom, flags: 0 }, { signal, lane: 'light' })
    const { id, vncSocket } = observeDomain(xml)
    if (vncSocket !== undefined) return vncSocket
    if (id !== undefined)
      throw conflict(name, `virtual machine "${name}" has no screen: it was started without one, and a restart adds it`)
  } catch (error) {
    if (!isNoDomain(error)) throw lostLibvirt(error)
  }
  throw conflict(name, `virtual machine "${name}" is not running`)
}
