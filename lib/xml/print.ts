/**
 * Tree -> text. The only place of this project that escapes XML.
 * What XML 1.0 cannot hold (most control characters, lone surrogates, U+FFFE, U+FFFF) is refused and never dropped:
 * a silently changed path or name would point at something else.
 */
import { checkedChars } from './chars.ts'
import { XmlError } from './error.ts'
import type { XmlElement, XmlNode } from './node.ts'

/** XML 1.0 section 2.3 without the rarer ranges: libvirt's own names need no more. */
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z_][A-Za-z0-9_.-]*)?$/

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
}

/**
 * Writes the tree with an indent of two blanks and a newline at the end. Elements that hold text are written on one
 * line, so that no white space is added to text.
 * @throws XmlError for names that are no XML names and characters that XML cannot hold
 */
export function printXml(root: XmlElement): string {
  return `${printElement(root, '')}\n`
}

function printElement(element: XmlElement, indent: string): string {
  const open = `${indent}<${checkedName(element.name)}${printAttrs(element)}`
  if (element.children.length === 0) return `${open}/>`
  return `${open}>${printChildren(element.children, indent)}</${element.name}>`
}

function printChildren(children: readonly XmlNode[], indent: string): string {
  const inline = children.some((child) => typeof child === 'string')
  if (inline) return children.map((c) => (typeof c === 'string' ? escapeText(c) : printElement(c, ''))).join('')
  const lines = children.map((c) => (typeof c === 'string' ? '' : printElement(c, `${indent}  `)))
  return `\n${lines.join('\n')}\n${indent}`
}

function printAttrs(element: XmlElement): string {
  return Object.entries(element.attrs)
    .map(([key, value]) => ` ${checkedName(key)}="${escapeAttribute(value)}"`)
    .join('')
}

/** A parser folds a bare carriage return into a newline, so it goes out as a character reference. */
function escapeText(text: string): string {
  return checkedChars(text).replace(/[&<>\r]/g, (c) => ENTITIES[c] ?? c)
}

/** A parser folds tabs and newlines of an attribute into blanks, so they go out as character references. */
function escapeAttribute(text: string): string {
  return checkedChars(text).replace(/[&<>"'\t\n\r]/g, (c) => ENTITIES[c] ?? c)
}

function checkedName(name: string): string {
  if (!NAME.test(name)) throw new XmlError(`${JSON.stringify(name)} is not a name that XML allows`)
  return name
}
