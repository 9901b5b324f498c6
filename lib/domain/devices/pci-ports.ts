/**
 * PCIe root ports: one for each device of the plan and the spare ones. A q35 guest can only take a device while it
 * runs if a free port was there at its start. The root itself must be listed first, or libvirt numbers the ports
 * before it.
 */
import { el, type XmlElement } from '../../xml/index.ts'
import type { DomainPlan } from '../plan.ts'

/** Controller of the disks, USB, entropy source, balloon. */
const ALWAYS_PRESENT = 4

export function pciPorts({ nics, guestAgent, restartPorts }: DomainPlan): XmlElement[] {
  const count = ALWAYS_PRESENT + nics.length + (guestAgent ? 1 : 0) + restartPorts
  return [
    el('controller', { type: 'pci', index: 0, model: 'pcie-root' }),
    ...Array.from({ length: count }, (_, i) =>
      el('controller', { type: 'pci', index: i + 1, model: 'pcie-root-port' }),
    ),
  ]
}
