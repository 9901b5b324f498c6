/**
 * Text -> tree, within bounds. What comes in is libvirt's answer at best and a hostile guest's doing at worst:
 * size and depth are limited, document types (and so entities) are refused, every complaint of the parser is an error.
 */
import { DOMParser, type Element as DomElement, type Node as DomNode } from '@xmldom/xmldom'
import { checkedChars } from './chars.ts'
import { XmlError } from './error.ts'
import type { XmlElement, XmlNode } from './node.ts'

export interface ParseLimits {
  /** Longest accepted text in UTF-16 units. */
  readonly maxLength: number
  /** Deepest accepted nesting of elements. */
  readonly maxDepth: number
}

/** 4 MiB is libvirt's own bound of a string on the wire; its deepest documents nest about 12 elements, backing chains one per level. */
export const DEFAULT_LIMITS: ParseLimits = { maxLength: 4_194_304, maxDepth: 300 }

/** Of one domain the same text is read by each look at it, many times in a row while it starts or moves. */
const RECENT_TEXTS = 16
const RECENT_LENGTH = 65_536
const recent = new Map<string, XmlElement>()

/** Node types of the DOM that are read here. */
const ELEMENT = 1
const TEXT = 3
const CDATA = 4

/**
 * Parses one document. Text that is only white space between elements is dropped, as are comments. The same text may give the same tree.
 * @throws XmlError when the text is not well formed, has a document type or is beyond the limits
 */
export function parseXml(text: string, limits: ParseLimits = DEFAULT_LIMITS): XmlElement {
  if (text.length > limits.maxLength) {
    throw new XmlError(`the XML is ${text.length} characters long, ${limits.maxLength} are allowed`)
  }
  if (/<!DOCTYPE/i.test(text)) throw new XmlError('the XML has a document type, which is not accepted')
  if (limits !== DEFAULT_LIMITS || text.length > RECENT_LENGTH) return convert(parseDom(text), limits.maxDepth)
  const tree = recent.get(text) ?? convert(parseDom(text), limits.maxDepth)
  // The one that was not read for longest comes first.
  recent.delete(text)
  recent.set(text, tree)
  const [oldest = ''] = recent.keys()
  if (recent.size > RECENT_TEXTS) recent.delete(oldest)
  return tree
}

function parseDom(text: string): DomElement {
  let complaint: string | undefined
  const parser = new DOMParser({
    // XML 1.0, section 2.11; the parser's own way is that of XML 1.1, which changes U+0085 and U+2028 in names.
    normalizeLineEndings: (source) => source.replace(/\r\n?/g, '\n'),
    onError: (level, message) => {
      // Legal in XML, and any guest can put it into a name that libvirt reports.
      if (level === 'warning' && message.startsWith('Unicode replacement character')) return
      complaint ??= message
      throw new XmlError(message)
    },
  })
  try {
    const root = parser.parseFromString(text, 'text/xml').documentElement
    if (root !== null) return root
    complaint = 'it has no element'
  } catch (cause) {
    throw new XmlError(`the XML cannot be read: ${complaint ?? String(cause)}`, { cause })
  }
  throw new XmlError(`the XML cannot be read: ${complaint}`)
}

function convert(element: DomElement, depthLeft: number): XmlElement {
  if (depthLeft <= 0) throw new XmlError('the XML is nested too deeply')
  const attrs: Record<string, string> = {}
  for (let i = 0; i < element.attributes.length; i++) {
    const attr = element.attributes.item(i)
    if (attr !== null) attrs[attr.name] = checkedChars(attr.value)
  }
  const namespace = element.namespaceURI
  return {
    name: element.nodeName,
    ...(namespace === null || namespace === '' ? {} : { namespace }),
    attrs,
    children: convertChildren(element, depthLeft),
  }
}

function convertChildren(element: DomElement, depthLeft: number): XmlNode[] {
  const nodes: XmlNode[] = []
  for (let child: DomNode | null = element.firstChild; child !== null; child = child.nextSibling) {
    if (child.nodeType === ELEMENT) nodes.push(convert(child as DomElement, depthLeft - 1))
    else if (child.nodeType === TEXT || child.nodeType === CDATA) nodes.push(checkedChars(child.nodeValue ?? ''))
  }
  const hasElements = nodes.some((node) => typeof node !== 'string')
  return hasElements ? nodes.filter((node) => typeof node !== 'string' || node.trim() !== '') : nodes
}
