/** One disk or ISO image. Format and the whole backing chain are written out: libvirt then probes nothing. */
import { el, type XmlElement } from '../../xml/index.ts'
import { type BackingLevel, type DiskPlan, DomainPlanError } from '../plan.ts'
import { aliasElement } from './alias.ts'
import { SEED_TARGET, scsiAddress } from './scsi-controller.ts'

export function diskDevice(disk: DiskPlan): XmlElement {
  if (disk.target === SEED_TARGET) throw new DomainPlanError(`target: ${SEED_TARGET} is kept for the seed`)
  return el(
    'disk',
    { type: 'file', device: disk.device },
    el('driver', { name: 'qemu', type: disk.format, discard: disk.discard ? 'unmap' : undefined }),
    el('source', { file: disk.path }),
    backingStore(disk.backing ?? []),
    el('target', { dev: disk.target, bus: disk.bus }),
    disk.readonly || disk.device === 'cdrom' ? el('readonly') : undefined,
    disk.serial === undefined ? undefined : el('serial', {}, checkedSerial(disk.serial)),
    disk.bootOrder === undefined ? undefined : el('boot', { order: disk.bootOrder }),
    aliasElement(disk.alias),
    scsiAddress(disk.target),
  )
}

/** An empty <backingStore/> says that the chain ends here; without it libvirt would read the header for more. */
function backingStore(levels: readonly BackingLevel[]): XmlElement {
  return levels.reduceRight<XmlElement>(
    (below, { path, format }) =>
      el('backingStore', { type: 'file' }, el('format', { type: format }), el('source', { file: path }), below),
    el('backingStore'),
  )
}

/** libvirt's own alphabet of a serial, and the longest that a SCSI disk shows in full. */
function checkedSerial(serial: string): string {
  if (/^[A-Za-z0-9_ .+-]{1,36}$/.test(serial)) return serial
  throw new DomainPlanError(`serial: ${JSON.stringify(serial)} must be 1 to 36 letters, digits or "_ .+-"`)
}
