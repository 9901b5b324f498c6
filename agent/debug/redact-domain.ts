// A domain's definition without secrets.
import { LEFT_OUT } from '../../lib/server/debug/redact.ts'
import { parseXml, printXml, type XmlElement } from '../../lib/xml/index.ts'

/** Elements of a domain that hold secrets, or a copy of an object. */
const ELEMENTS = new Set(['metadata', 'secret', 'sysinfo', 'qemu:commandline', 'commandline'])
const ATTRIBUTES = /passw|secret|token/i

/** A domain's definition as a bundle shows it. @throws XmlError for what is no XML */
export function redactDomain(xml: string): string {
  return printXml(redactElement(parseXml(xml)))
}

function redactElement({ children, attrs, ...element }: XmlElement): XmlElement {
  return {
    ...element,
    attrs: Object.fromEntries(
      Object.entries(attrs).map(([key, value]) => [key, ATTRIBUTES.test(key) ? LEFT_OUT : value]),
    ),
    children: children
      .filter((child) => typeof child === 'string' || !ELEMENTS.has(child.name))
      .map((child) => (typeof child === 'string' ? child : redactElement(child))),
  }
}
