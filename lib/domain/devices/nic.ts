/** One virtio network interface on a libvirt network. */
import { el, type XmlElement } from '../../xml/index.ts'
import type { NicPlan } from '../plan.ts'
import { aliasElement } from './alias.ts'

/** Without a boot ROM: nothing here boots by PXE, and firmware would try. */
export function nicDevice(nic: NicPlan): XmlElement {
  return el(
    'interface',
    { type: 'network' },
    el('mac', { address: nic.mac }),
    el('source', { network: nic.network }),
    el('model', { type: 'virtio' }),
    el('rom', { enabled: 'no' }),
    aliasElement(nic.alias),
  )
}
