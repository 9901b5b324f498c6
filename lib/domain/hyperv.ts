/**
 * What Hyper-V offers its guests, offered by KVM: Windows then takes cheaper ways to wait, to wake other CPUs and to read the time. The list
 * is DVP's for `osType: Windows`, with the reference clock (`hypervclock`), without which QEMU refuses synthetic timers.
 *
 * Emulation has none of it: QEMU takes the settings and shows the guest its own name where Hyper-V's would be, and libvirt lists none but
 * spinlocks as supported (seen with libvirt 9.0 and QEMU 10.0).
 */
import { el, type XmlElement } from '../xml/index.ts'
import type { DomainPlan } from './plan.ts'

const SPINLOCK_RETRIES = 8191

const on = (name: string, ...children: readonly XmlElement[]): XmlElement => el(name, { state: 'on' }, ...children)

/** In <features>. */
export function hyperVFeatures({ hyperV }: Pick<DomainPlan, 'hyperV'>): XmlElement[] {
  if (!hyperV) return []
  return [
    el(
      'hyperv',
      { mode: 'custom' },
      on('relaxed'),
      on('vapic'),
      el('spinlocks', { state: 'on', retries: SPINLOCK_RETRIES }),
      on('vpindex'),
      on('runtime'),
      on('synic'),
      on('stimer', on('direct')),
      on('reset'),
      on('frequencies'),
      on('reenlightenment'),
      on('tlbflush'),
      on('ipi'),
    ),
  ]
}

/** In <clock>. */
export function hyperVTimer({ hyperV }: Pick<DomainPlan, 'hyperV'>): XmlElement[] {
  return hyperV ? [el('timer', { name: 'hypervclock', present: 'yes' })] : []
}
