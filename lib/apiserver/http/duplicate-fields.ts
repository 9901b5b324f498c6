// Fields that a JSON body names twice. A JSON parser takes the last one in silence; a wish must not be lost like that.
import { ApiError } from '../../errors.ts'
import type { WriteOptions } from '../core/core.ts'
import { joinPath } from '../core/json.ts'

/** Duplicates told at most. */
const MAX_TOLD = 10

/** As Kubernetes: an error for Strict, warnings for Warn, nothing for Ignore. @throws ApiError BadRequest */
export function checkDuplicates(
  body: Buffer | undefined,
  { fieldValidation, warn }: Pick<WriteOptions, 'fieldValidation' | 'warn'>,
): void {
  if (fieldValidation === 'Ignore' || body === undefined) return
  const text = body.toString()
  // YAML is looked at by its own parser.
  if (!/^\s*[{[]/.test(text)) return
  const found = duplicateFields(text).map((path) => `duplicate field ${JSON.stringify(path)}`)
  if (found.length === 0) return
  if (fieldValidation === 'Strict') throw new ApiError('BadRequest', `json: ${found.join(', ')}`)
  for (const text of found) warn(text)
}

/** A container that the scan is inside of. */
interface Level {
  /** Null in a list. */
  readonly keys: Set<string> | null
  /** Path of the container. */
  readonly path: string
  /** The field, or the position in the list, that the scan is at. */
  at: string | number
}

const QUOTE = 34
const COMMA = 44
const OPEN_LIST = 91
const BACKSLASH = 92
const CLOSE_LIST = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/** Paths of what is named twice, each once. What is not JSON gives whatever; the parser refuses it. */
export function duplicateFields(text: string): readonly string[] {
  const found = new Set<string>()
  const levels: Level[] = []
  let expectsKey = false
  for (let index = 0; index < text.length && found.size < MAX_TOLD; index++) {
    const level = levels.at(-1)
    switch (text.charCodeAt(index)) {
      case QUOTE: {
        const end = closingQuote(text, index)
        if (expectsKey && level !== undefined && level.keys !== null) {
          const key = unescaped(text.slice(index, end + 1))
          if (level.keys.has(key)) found.add(joinPath(level.path, key))
          level.keys.add(key)
          level.at = key
          expectsKey = false
        }
        index = end
        break
      }
      case OPEN_OBJECT:
        levels.push({ keys: new Set(), path: pathOf(level), at: '' })
        expectsKey = true
        break
      case OPEN_LIST:
        levels.push({ keys: null, path: pathOf(level), at: 0 })
        expectsKey = false
        break
      case COMMA:
        expectsKey = level !== undefined && level.keys !== null
        if (typeof level?.at === 'number') level.at += 1
        break
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        levels.pop()
        expectsKey = false
        break
    }
  }
  return [...found]
}

/** Where the text that opens at `from` ends; the end of all when it does not. */
function closingQuote(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}

function unescaped(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return String(JSON.parse(literal))
  } catch {
    return literal
  }
}

function pathOf(level: Level | undefined): string {
  if (level === undefined) return ''
  return typeof level.at === 'number' ? `${level.path}[${level.at}]` : joinPath(level.path, level.at)
}
