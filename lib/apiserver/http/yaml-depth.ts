// How deep a YAML text is nested, told from its tokens before a parser looks at it. The parser calls itself for each level, and V8 ends
// the whole process when a regular expression is compiled where the stack is used up: no error can be caught there.
import { CST, Lexer } from 'yaml'
import { MAX_DEPTH } from '../core/json.ts'

/** Columns by which a line may be indented: a block inside of another begins further to the right, or in the same line. */
const MAX_INDENT = 256

/** Whether the text can be parsed without going deep. */
export function isShallow(text: string): boolean {
  let flow = 0
  /** Blocks that begin in this line. */
  let begun = 0
  let lineStarts = true
  let inScalar = false
  for (const token of new Lexer().lex(text)) {
    if (inScalar) {
      inScalar = false
      // Only a block scalar ends with its line.
      if (token.endsWith('\n')) [begun, lineStarts] = [0, true]
      continue
    }
    const type = CST.tokenType(token)
    if (type === 'newline') {
      begun = 0
      lineStarts = true
      continue
    }
    if (type === 'scalar') inScalar = true
    else if (type === 'space' && lineStarts && token.length > MAX_INDENT) return false
    else if (type === 'flow-map-start' || type === 'flow-seq-start') flow++
    else if (type === 'flow-map-end' || type === 'flow-seq-end') flow--
    else if (flow === 0 && isBlockStart(type)) begun++
    if (flow > MAX_DEPTH || begun > MAX_DEPTH) return false
    if (type !== 'doc-mode') lineStarts = false
  }
  return true
}

const isBlockStart = (type: CST.TokenType | null): boolean =>
  type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind'
