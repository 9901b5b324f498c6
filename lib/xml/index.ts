/** XML as plain data: build, print, parse, read. */
export { XmlError } from './error.ts'
export {
  type AttrValue,
  at,
  attrOf,
  childrenOf,
  el,
  textOf,
  type XmlChild,
  type XmlElement,
  type XmlNode,
} from './node.ts'
export { DEFAULT_LIMITS, type ParseLimits, parseXml } from './parse.ts'
export { printXml } from './print.ts'
