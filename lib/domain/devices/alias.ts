/** Names of devices in libvirt's calls, given by us. */
import { el, type XmlElement } from '../../xml/index.ts'
import { DomainPlanError } from '../plan.ts'

/** libvirt keeps only aliases that start so; any other would be replaced and the device not found again. */
export function aliasElement(alias: string): XmlElement {
  if (!/^ua-[A-Za-z0-9_-]+$/.test(alias)) {
    throw new DomainPlanError(`alias: ${JSON.stringify(alias)} must be "ua-" and letters, digits, "-" or "_"`)
  }
  return el('alias', { name: alias })
}
