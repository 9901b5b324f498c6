// Whether one rule of a role allows a request, and whether rules contain other rules (Kubernetes' rbac/v1 evaluation). Pure.
import type { PolicyRule } from '../../../schemas/rbac/shapes.ts'
import type { Attributes, ResourceAttributes } from './attributes.ts'

const ALL = '*'

const has = (words: readonly string[] | undefined, word: string): boolean =>
  words !== undefined && (words.includes(ALL) || words.includes(word))

// `virtualmachines/console` is allowed by itself, by `*` and by `*/console`; not by `virtualmachines`.
function hasResource(words: readonly string[] | undefined, resource: string, subresource: string): boolean {
  if (words === undefined) return false
  if (has(words, subresource === '' ? resource : `${resource}/${subresource}`)) return true
  return subresource !== '' && words.includes(`*/${subresource}`)
}

const hasName = (words: readonly string[] | undefined, name: string): boolean =>
  words === undefined || words.length === 0 || words.includes(name)

const hasPath = (patterns: readonly string[] | undefined, path: string): boolean =>
  (patterns ?? []).some(
    (pattern) =>
      pattern === ALL || pattern === path || (pattern.endsWith(ALL) && path.startsWith(pattern.slice(0, -1))),
  )

/** Whether the rule gives the right to do that, with `*` as Kubernetes has it. */
export function allows(rule: PolicyRule, { verb, resource, path }: Attributes): boolean {
  if (!has(rule.verbs, verb)) return false
  if (resource === null) return hasPath(rule.nonResourceURLs, path)
  return allowsResource(rule, resource)
}

const allowsResource = (rule: PolicyRule, { group, resource, subresource, name }: ResourceAttributes): boolean =>
  has(rule.apiGroups, group) && hasResource(rule.resources, resource, subresource) && hasName(rule.resourceNames, name)

/** One verb on one thing: what a rule is made of. */
type Piece =
  | { readonly verb: string; readonly url: string }
  | { readonly verb: string; readonly group: string; readonly resource: string; readonly name: string | null }

/** Pieces of a role at most: hostile lists must not be multiplied for minutes. */
export const MAX_PIECES = 50_000

/** How many pieces a rule has. */
export const piecesOf = ({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): number =>
  verbs.length *
  ((nonResourceURLs?.length ?? 0) +
    (apiGroups?.length ?? 0) * (resources?.length ?? 0) * Math.max(1, resourceNames?.length ?? 0))

function* pieces(rule: PolicyRule): Iterable<Piece> {
  const names = rule.resourceNames === undefined || rule.resourceNames.length === 0 ? [null] : rule.resourceNames
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) yield { verb, url }
    for (const group of rule.apiGroups ?? [])
      for (const resource of rule.resources ?? []) for (const name of names) yield { verb, group, resource, name }
  }
}

function contains(rule: PolicyRule, piece: Piece): boolean {
  if (!has(rule.verbs, piece.verb)) return false
  if ('url' in piece) return hasUrlPattern(rule.nonResourceURLs, piece.url)
  const [resource = '', subresource = ''] = piece.resource.split('/')
  const names = rule.resourceNames ?? []
  return (
    has(rule.apiGroups, piece.group) &&
    hasResource(rule.resources, resource, subresource) &&
    (names.length === 0 || (piece.name !== null && names.includes(piece.name)))
  )
}

/** A wanted pattern is contained in one that is the same, or whose beginning it has. */
const hasUrlPattern = (patterns: readonly string[] | undefined, wanted: string): boolean => hasPath(patterns, wanted)

/** The wanted rules of which `held` lacks something; empty when everything wanted is held. */
export const missingRules = (held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] =>
  wanted.filter((rule) => {
    for (const piece of pieces(rule)) if (!held.some((own) => contains(own, piece))) return true
    return false
  })
