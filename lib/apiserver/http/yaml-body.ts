// YAML bodies. A parser of YAML takes up to 4 µs for a byte and knows documents that grow by repetition, so what it may get is small.
import { type Document, isAlias, isMap, isScalar, parseDocument, visit } from 'yaml'
import { ApiError } from '../../errors.ts'
import { isShallow } from './yaml-depth.ts'

/** Bytes of a body in YAML at most: half a second of work at worst. The same in JSON may be larger. */
export const MAX_YAML_BYTES = 131_072
/** Aliases in a document at most, and expansions of each. */
const MAX_ALIASES = 100

const bad = (why: string): ApiError => new ApiError('BadRequest', `the body is not valid YAML: ${why}`)

/** The one document in a text. @throws ApiError BadRequest, RequestEntityTooLarge */
export function parseYaml(text: string): unknown {
  if (text.length > MAX_YAML_BYTES)
    throw new ApiError(
      'RequestEntityTooLarge',
      `a body in YAML may have at most ${MAX_YAML_BYTES} bytes; send larger ones as application/json`,
    )
  if (!isShallow(text)) throw bad('it is nested too deeply')
  // The parser compares each key with all before it; ours are looked up.
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false, merge: false })
  const problem = document.errors[0]
  // The parser's own words can quote the text, which may be a secret: only kind and place are told.
  if (problem !== undefined) throw bad(`${problem.code} at position ${problem.pos[0]}`)
  checkNodes(document)
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch {
    throw new ApiError('BadRequest', 'the YAML body uses too many aliases')
  }
}

function checkNodes(document: Document.Parsed): void {
  let aliases = 0
  visit(document, (_key, node) => {
    // Each alias is looked for in the whole document.
    if (isAlias(node) && ++aliases > MAX_ALIASES)
      throw new ApiError('BadRequest', 'the YAML body uses too many aliases')
    if (!isMap(node)) return
    const keys = new Set<string>()
    for (const { key } of node.items) {
      if (!isScalar(key)) throw bad('a key must be a plain text')
      const name = String(key.value)
      if (keys.has(name)) throw bad(`DUPLICATE_KEY at position ${key.range?.[0] ?? 0}`)
      keys.add(name)
    }
  })
}
