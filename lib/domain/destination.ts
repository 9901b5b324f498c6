/**
 * A running domain as another host shall have it: libvirt's XML of the source with every file in its place there. All else stays, so that
 * the guest's hardware is the same to the bit. Pure.
 */
import { attrOf, el, parseXml, printXml, type XmlElement, XmlError, type XmlNode } from '../xml/index.ts'
import { METADATA_URI, parseMetadata } from './metadata.ts'

export interface Destination {
  /** Where a file of the source is here; null when there is none such. */
  readonly locate: (path: string) => string | null
  /** Goes into our note. */
  readonly epoch: number
}

/** Elements whose attribute names a file of the host. */
const FILES: Readonly<Record<string, string>> = { source: 'file', log: 'file' }
/** Elements whose text does. Firmware code (`loader`) is a package's and lies in the same place. */
const FILE_TEXTS: readonly string[] = ['nvram']

/** @throws XmlError for what is no domain, or names a file that has no place here; the message names it */
export function destinationXml(xml: string, destination: Destination): string {
  const domain = parseXml(xml)
  if (domain.name !== 'domain') throw new XmlError(`a <domain> was expected, not <${domain.name}>`)
  return printXml(moved(domain, destination))
}

function moved(element: XmlElement, destination: Destination): XmlElement {
  if (element.namespace === METADATA_URI) return noted(element, destination.epoch)
  const attribute = FILES[element.name]
  const path = attribute === undefined ? undefined : attrOf(element, attribute)
  const attrs =
    attribute === undefined || path === undefined
      ? element.attrs
      : { ...element.attrs, [attribute]: placed(path, destination) }
  const named = FILE_TEXTS.includes(element.name)
  const children = element.children.map((child): XmlNode => {
    if (typeof child !== 'string') return moved(child, destination)
    return named && child.trim() !== '' ? placed(child.trim(), destination) : child
  })
  return { ...element, attrs, children }
}

function placed(path: string, { locate }: Destination): string {
  const here = locate(path)
  if (here === null) throw new XmlError(`the machine has the file ${path}, which has no place on this host`)
  return here
}

/** Our note with the epoch by which the machine runs there. One that is not ours in form is left as it is. */
function noted(element: XmlElement, epoch: number): XmlElement {
  const text = element.children.filter((child) => typeof child === 'string').join('')
  const note = parseMetadata(text)
  return note === undefined ? element : el(element.name, element.attrs, JSON.stringify({ ...note, epoch }))
}
