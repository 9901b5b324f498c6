/** The balloon: gives the guest's own memory figures, and hands pages that the guest frees back to the host. */
import { el, type XmlElement } from '../../xml/index.ts'

/** How often the guest reports its memory, in seconds; each report wakes an idle guest. */
const STATS_PERIOD_S = 10

export function balloon(): XmlElement {
  return el('memballoon', { model: 'virtio', freePageReporting: 'on' }, el('stats', { period: STATS_PERIOD_S }))
}
