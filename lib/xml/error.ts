/** The one error of lib/xml: text that is not XML we accept, or a tree that XML cannot hold. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
}
