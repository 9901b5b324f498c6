// What libvirt's Finish is told of disks that went along, before Perform has said it. Pure.
//
// Finish ends the disks' way (QEMU's NBD server) when its cookie names it. Perform's cookie does, and comes when all is over; Begin's does as
// well, but may ask for features that Finish does not know. So of Begin's is taken what every libvirt asks of a cookie, and the disks' way.
import { at, el, parseXml, printXml } from '../../lib/xml/index.ts'

/** Whose cookie it is. */
const WHO = ['name', 'uuid', 'hostname', 'hostuuid'] as const
const WAY = 'nbd'

/** A cookie for Finish; null when Begin's has not what is needed: Perform's must be waited for. */
export function arrivalCookie(begun: Uint8Array): Uint8Array | null {
  try {
    // libvirt's cookies end with a zero byte.
    const cookie = parseXml(Buffer.from(begun).toString('utf8').replace(/\0$/, ''))
    const parts = [...WHO, WAY].flatMap((name) => at(cookie, name) ?? [])
    if (cookie.name !== 'qemu-migration' || parts.length <= WHO.length) return null
    return Buffer.from(`${printXml(el(cookie.name, {}, ...parts))}\0`)
  } catch {
    return null
  }
}
