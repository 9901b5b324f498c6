/** The NoCloud disk: a small ISO that cloud-init finds by its label. On virtio-scsi, as cloud kernels have no AHCI. */
import { el, type XmlElement } from '../../xml/index.ts'
import type { DomainPlan } from '../plan.ts'
import { SEED_TARGET, scsiAddress } from './scsi-controller.ts'

/** Alias of the seed in libvirt's calls. */
export const SEED_ALIAS = 'ua-seed'

export function seedDevice({ seed }: Pick<DomainPlan, 'seed'>): XmlElement[] {
  if (seed === undefined) return []
  return [
    el(
      'disk',
      { type: 'file', device: 'cdrom' },
      el('driver', { name: 'qemu', type: 'raw' }),
      el('source', { file: seed.path }),
      el('backingStore'),
      el('target', { dev: SEED_TARGET, bus: 'scsi' }),
      el('readonly'),
      el('alias', { name: SEED_ALIAS }),
      scsiAddress(SEED_TARGET),
    ),
  ]
}
