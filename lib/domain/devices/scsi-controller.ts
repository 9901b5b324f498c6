/** The one virtio-scsi controller behind which all disks, ISO images and the seed are found. */
import { el, type XmlElement } from '../../xml/index.ts'
import { DomainPlanError } from '../plan.ts'

export function scsiController(): XmlElement {
  return el('controller', { type: 'scsi', index: 0, model: 'virtio-scsi' })
}

/** The last of the single-letter targets; the seed's own, so that a disk attached later never meets it. */
export const SEED_TARGET = 'sdz'

/** The places of disks and images, in order: `sda` to `sdy`. */
export const DISK_TARGETS: readonly string[] = Array.from(
  { length: 25 },
  (_, unit) => `sd${String.fromCharCode(97 + unit)}`,
)

/**
 * Address of a target: `sda` is unit 0, `sdz` unit 25. Written out because libvirt's own choice would open a second
 * controller at the 16th disk.
 */
export function scsiAddress(target: string): XmlElement {
  if (!/^sd[a-z]$/.test(target)) {
    throw new DomainPlanError(`target: ${JSON.stringify(target)} is not one of sda to ${SEED_TARGET}`)
  }
  const unit = target.charCodeAt(2) - 'a'.charCodeAt(0)
  return el('address', { type: 'drive', controller: 0, bus: 0, target: 0, unit })
}
