// The words after a verb: kinds and names in kubectl's forms.

import type { Catalog } from '../lib/client/discovery.ts'
import type { ResourceInfo } from '../lib/client/paths.ts'
import { ApiError } from '../lib/errors.ts'
import { UsageError } from './usage.ts'

/** What to look at: one kind, and names of it (empty: all). */
export interface Ask {
  readonly resource: ResourceInfo
  readonly names: readonly string[]
}

/** `vm`, `vm web db`, `vm/web vd/root`, `vm,vd`, `all`. @throws UsageError for a mix of the forms, ApiError for an unknown kind */
export function parseAsks(words: readonly string[], catalog: Catalog): Ask[] {
  if (words.some((word) => word.includes('/'))) {
    const plain = words.find((word) => !word.includes('/'))
    if (plain !== undefined) throw new UsageError(`"${plain}": when one argument is KIND/NAME, all must be`)
    return words.map((word) => parsePair(word, catalog))
  }
  const [kinds = '', ...names] = words
  const resources = kinds.split(',').flatMap((kind) => kindsOf(kind, catalog))
  if (names.length > 0 && resources.length > 1)
    throw new UsageError('names belong to one kind; write KIND/NAME KIND/NAME')
  return resources.map((resource) => ({ resource, names }))
}

function parsePair(word: string, catalog: Catalog): Ask {
  const [kind = '', name = '', ...rest] = word.split('/')
  if (kind === '' || name === '' || rest.length > 0) throw new UsageError(`"${word}" is not KIND/NAME`)
  return { resource: catalog.resolve(kind), names: [name] }
}

/** A kind, or all kinds of a category such as `all`. */
function kindsOf(word: string, catalog: Catalog): ResourceInfo[] {
  try {
    return [catalog.resolve(word)]
  } catch (error) {
    const members = catalog.preferred().filter(({ categories }) => categories.includes(word.toLowerCase()))
    if (members.length > 0 && error instanceof ApiError) return members
    throw error
  }
}
