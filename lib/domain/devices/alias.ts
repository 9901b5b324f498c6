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

/**
 * Alias of the disk or image with this uid. One that came while the domain ran says so in its alias: nothing else in libvirt's
 * XML does, and it must be known to whoever looks next.
 */
export const diskAlias = (uid: string, hotplugged: boolean): string => `ua-${hotplugged ? HOT : ''}${uid}`

/** What an alias says of a disk or image; null for other devices, and for those that are not ours. */
export function diskOfAlias(alias: string | undefined): { readonly uid: string; readonly hotplugged: boolean } | null {
  const [, hot, uid] = /^ua-(hot-)?([0-9a-f-]{36})$/.exec(alias ?? '') ?? []
  return uid === undefined ? null : { uid, hotplugged: hot !== undefined }
}

const HOT = 'hot-'
