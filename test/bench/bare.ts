// The other side of each pair: a bare RPC client that defines and creates domains from the XML that the agent made,
// under other names, with disks that are ready.
import { randomBytes, randomUUID } from 'node:crypto'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import type { Disk } from './guests.ts'

/** VIR_DOMAIN_XML_INACTIVE: the definition, without what only the running domain has. */
const XML_INACTIVE = 2
const CALL_TIMEOUT_MS = 600_000

/** A domain's definition, to be copied. */
export interface Template {
  readonly xml: string
  readonly uid: string
  readonly disk: Disk
}

export interface BareDomain {
  readonly name: string
  readonly uuid: string
  readonly xml: string
}

/** The definition of the domain that the agent made for a machine. */
export async function templateOf(libvirt: LibvirtPool, uid: string, disk: Disk): Promise<Template> {
  const { xml } = await libvirt.call('DomainGetXMLDesc', { dom: { name: '', uuid: uid, id: -1 }, flags: XML_INACTIVE })
  return { xml, uid, disk }
}

/** The same machine under another name, uuid, MAC and with another disk. Without our metadata: the agent must not take it for its own. */
export function copyOf({ xml, uid, disk }: Template, name: string, other: Disk): BareDomain {
  const uuid = randomUUID()
  const mac = `52:54:00:${[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`
  const copied = xml
    .replace(/<metadata>.*<\/metadata>/s, '')
    .replace(/<name>[^<]*<\/name>/, `<name>${name}</name>`)
    .replace(/<mac address='[^']*'\/>/, `<mac address='${mac}'/>`)
    .replaceAll(uid, uuid)
    .replaceAll(disk.uid, other.uid)
  return { name, uuid, xml: copied }
}

export class Bare {
  readonly #libvirt: LibvirtPool

  constructor(libvirt: LibvirtPool) {
    this.#libvirt = libvirt
  }

  /** Define and create; resolves when libvirt has answered that it runs. */
  async start({ xml }: BareDomain): Promise<void> {
    const { dom } = await this.#libvirt.call('DomainDefineXMLFlags', { xml, flags: 0 }, { timeoutMs: CALL_TIMEOUT_MS })
    await this.#libvirt.call('DomainCreateWithFlags', { dom, flags: 0 }, { timeoutMs: CALL_TIMEOUT_MS })
  }

  async remove({ name, uuid }: BareDomain): Promise<void> {
    const dom = { name, uuid, id: -1 }
    await this.#libvirt.call('DomainDestroyFlags', { dom, flags: 0 }, { timeoutMs: CALL_TIMEOUT_MS })
    await this.#libvirt.call('DomainUndefineFlags', { dom, flags: 0 }, { timeoutMs: CALL_TIMEOUT_MS })
  }
}

/** Runs `work` on every item, `width` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items]
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
