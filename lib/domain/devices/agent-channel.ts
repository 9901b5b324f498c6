/** The virtio-serial port on which qemu-guest-agent listens; libvirt makes the host's end. */
import { el, type XmlElement } from '../../xml/index.ts'
import type { DomainPlan } from '../plan.ts'

export function agentChannel({ guestAgent }: DomainPlan): XmlElement[] {
  if (!guestAgent) return []
  return [
    el('controller', { type: 'virtio-serial', index: 0 }),
    el('channel', { type: 'unix' }, el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })),
  ]
}
