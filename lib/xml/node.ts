/**
 * A plain, immutable XML tree and the ways to build and read it.
 * Nothing here knows how the tree is written (print.ts) or where it came from (parse.ts).
 */

export interface XmlElement {
  /** Name as written, with its prefix if it has one: `disk`, `berth:domain`. */
  readonly name: string
  /** Namespace URI that the parser resolved; absent for names without a namespace and for built trees. */
  readonly namespace?: string
  /** Attributes in the order in which they are written. */
  readonly attrs: Readonly<Record<string, string>>
  readonly children: readonly XmlNode[]
}

/** A child is an element or text. Comments and processing instructions are not kept. */
export type XmlNode = XmlElement | string

/** `undefined` leaves the attribute out, so that a builder needs no `if` per optional attribute. */
export type AttrValue = string | number | bigint | undefined
/** `undefined` leaves the child out; a list is spread. */
export type XmlChild = XmlNode | number | bigint | undefined | readonly XmlChild[]

/** Builds one element. Order of attributes and children is kept: the same arguments give the same tree. */
export function el(name: string, attrs: Readonly<Record<string, AttrValue>> = {}, ...children: XmlChild[]): XmlElement {
  const kept: Record<string, string> = {}
  for (const [key, value] of Object.entries(attrs)) {
    if (value !== undefined) kept[key] = String(value)
  }
  return { name, attrs: kept, children: flatten(children) }
}

function flatten(children: readonly XmlChild[]): XmlNode[] {
  const nodes: XmlNode[] = []
  for (const child of children) {
    if (child === undefined) continue
    if (isList(child)) nodes.push(...flatten(child))
    else if (typeof child === 'object') nodes.push(child)
    else nodes.push(String(child))
  }
  return nodes
}

function isList(child: XmlChild): child is readonly XmlChild[] {
  return Array.isArray(child)
}

/** Child elements, all of them or those of one name. */
export function childrenOf(element: XmlElement, name?: string): XmlElement[] {
  const found: XmlElement[] = []
  for (const child of element.children) {
    if (typeof child !== 'string' && (name === undefined || child.name === name)) found.push(child)
  }
  return found
}

/** The first child element found by walking the names down: `at(domain, 'devices', 'serial', 'log')`. */
export function at(element: XmlElement, ...path: readonly string[]): XmlElement | undefined {
  let here: XmlElement | undefined = element
  for (const name of path) {
    here = here?.children.find((child): child is XmlElement => typeof child !== 'string' && child.name === name)
  }
  return here
}

/** The element's own text, its element children left out. */
export function textOf(element: XmlElement | undefined): string {
  return element?.children.filter((child) => typeof child === 'string').join('') ?? ''
}

/** One attribute, `undefined` when the element or the attribute is not there. */
export function attrOf(element: XmlElement | undefined, name: string): string | undefined {
  return element !== undefined && Object.hasOwn(element.attrs, name) ? element.attrs[name] : undefined
}
