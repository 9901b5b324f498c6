// From a URL to what it names. Names in this API need no escaping, so an escaped path is a trick and refused; but for ":" and "@",
// which some clients escape in names of roles.
import { ApiError } from '../../errors.ts'

/** What a request is about. */
export type Target =
  | { readonly at: 'core-versions' }
  | { readonly at: 'groups' }
  | { readonly at: 'group'; readonly group: string }
  | { readonly at: 'resources'; readonly group: string; readonly version: string }
  | ResourceTarget
  /** `/version`, `/healthz`, `/openapi/v3/…`: the parts of the path. */
  | { readonly at: 'other'; readonly parts: readonly string[] }

export interface ResourceTarget {
  readonly at: 'resource'
  readonly group: string
  readonly version: string
  readonly plural: string
  /** Null where the URL has none. */
  readonly namespace: string | null
  readonly name: string | null
  readonly subresource: string | null
}

const MAX_PATH = 2048
const MAX_PART = 253
/** RFC 3986 "unreserved" and the harmless others that appear in names of Kubernetes. */
const PART = /^[A-Za-z0-9._~:@-]+$/

export interface ParsedTarget {
  /** As sent, without a slash at its end. */
  readonly path: string
  readonly target: Target
  readonly query: URLSearchParams
}

/** Paths remembered at most. */
const MAX_REMEMBERED = 1_000

/** Clients ask for the same things again and again: what a path names is found out once. */
export class TargetParser {
  readonly #known = new Map<string, Target>()

  /** Path and query of a request line. @throws ApiError BadRequest, NotFound */
  parse(url: string): ParsedTarget {
    const mark = url.indexOf('?')
    const sent = mark === -1 ? url : url.slice(0, mark)
    const path = sent.length > 1 && sent.endsWith('/') ? sent.slice(0, -1) : sent
    return { path, target: this.#targetOf(sent), query: new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1)) }
  }

  #targetOf(path: string): Target {
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const target = parsePath(path)
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    this.#known.set(path, target)
    return target
  }
}

export const noSuchPath = (): ApiError => new ApiError('NotFound', 'the server could not find the requested resource')

function parsePath(path: string): Target {
  if (path.length > MAX_PATH) throw new ApiError('BadRequest', `the path is longer than ${MAX_PATH} characters`)
  const plain = path.includes('%') ? path.replace(/%3a/gi, ':').replaceAll('%40', '@') : path
  const parts = (plain.endsWith('/') ? plain.slice(1, -1) : plain.slice(1)).split('/')
  if (!path.startsWith('/')) throw new ApiError('BadRequest', 'the path must begin with "/"')
  if (path === '/') return { at: 'other', parts: [] }
  for (const part of parts)
    if (!PART.test(part) || part === '.' || part === '..' || part.length > MAX_PART)
      throw new ApiError('BadRequest', 'the path has a part that no name can have')
  const [root, first, second] = parts
  if (root === 'api') {
    if (first === undefined) return { at: 'core-versions' }
    return resourcePath('', first, parts.slice(2))
  }
  if (root !== 'apis') return { at: 'other', parts }
  if (first === undefined) return { at: 'groups' }
  if (second === undefined) return { at: 'group', group: first }
  return resourcePath(first, second, parts.slice(3))
}

function resourcePath(group: string, version: string, rest: readonly string[]): Target {
  const [first, second, third] = rest
  if (first === undefined) return { at: 'resources', group, version }
  // `namespaces/x` and `namespaces/x/status` are about the namespace itself, `namespaces/x/secrets` about what is in it.
  const inside = first === 'namespaces' && third !== undefined && third !== 'status'
  const [plural, name, subresource, ...more] = inside ? rest.slice(2) : rest
  if (plural === undefined || more.length > 0) throw noSuchPath()
  return {
    at: 'resource',
    group,
    version,
    plural,
    namespace: inside ? (second ?? null) : null,
    name: name ?? null,
    subresource: subresource ?? null,
  }
}
