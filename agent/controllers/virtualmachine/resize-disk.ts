// Grows a disk through the QEMU that has it open: no other program may write to its file meanwhile.
import { diskOfAlias } from '../../../lib/domain/index.ts'
import { nameOf } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { VirtualDisk, VirtualMachine } from '../../../schemas/index.ts'
import { DISKS, VMS } from '../../names.ts'
import { domainName } from './domain-plan.ts'
import { domainRef, type LibvirtCalls, viewDomain } from './observe.ts'
import { isActive } from './plan.ts'

/** VIR_DOMAIN_BLOCK_RESIZE_BYTES: the size is in bytes, not in KiB. */
const RESIZE_BYTES = 1
const TIMEOUT_MS = 30_000

export interface ResizeDeps {
  readonly libvirt: LibvirtCalls
  readonly reader: Pick<Reader, 'list'>
}

/** True when a running VM has the disk and it was grown there; false when none has it. @throws LibvirtError */
export async function resizeLive({ libvirt, reader }: ResizeDeps, diskUid: string, bytes: bigint): Promise<boolean> {
  const disk = reader.list<VirtualDisk>(DISKS).find(({ metadata }) => metadata.uid === diskUid)
  if (disk === undefined) return false
  const { namespace, name } = nameOf(disk)
  const refers = ({ spec }: VirtualMachine) =>
    spec.blockDeviceRefs.some((ref) => ref.kind === 'VirtualDisk' && ref.name === name)
  // A VM may have a disk that its spec no longer names, until its restart.
  const vms = reader.list<VirtualMachine>(VMS, namespace)
  for (const vm of [...vms.filter(refers), ...vms.filter((other) => !refers(other))]) {
    const dom = domainRef(domainName(vm), vm.metadata.uid)
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const view = await viewDomain(libvirt, dom, signal)
    const target = view?.observed.disks.find(({ alias }) => diskOfAlias(alias)?.uid === diskUid)?.target
    if (view === null || target === undefined || !isActive(view.state)) continue
    await libvirt.call('DomainBlockResize', { dom, disk: target, size: bytes, flags: RESIZE_BYTES }, { signal })
    return true
  }
  return false
}
