/** Which characters XML can hold; both directions refuse the others. */
import { XmlError } from './error.ts'

/** Everything outside the `Char` production of XML 1.0, section 2.2. */
const NOT_A_CHAR = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u

/**
 * Gives the text back when XML can hold all of it.
 * @throws XmlError naming the first character that it cannot
 */
export function checkedChars(text: string): string {
  const bad = NOT_A_CHAR.exec(text)?.[0]
  if (bad === undefined) return text
  const code = (bad.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
  throw new XmlError(`the text contains the character U+${code}, which XML cannot hold`)
}
