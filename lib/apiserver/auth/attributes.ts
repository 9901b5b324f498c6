// What a request wants to do, in the words that roles are written in: verb, resource, namespace, name (Kubernetes' RequestInfo).
import { booleanParameter } from '../http/parameters.ts'
import type { ResourceTarget, Target } from '../http/path.ts'

export interface ResourceAttributes {
  /** Empty for core. */
  readonly group: string
  readonly version: string
  /** Plural: `virtualmachines`. */
  readonly resource: string
  /** Empty when there is none. */
  readonly subresource: string
  /** Empty for cluster-scoped resources and for all namespaces. */
  readonly namespace: string
  /** Empty when the request is about no single object. */
  readonly name: string
}

export interface Attributes {
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for paths the method in lower case. */
  readonly verb: string
  /** Null for paths that are no resources. */
  readonly resource: ResourceAttributes | null
  readonly path: string
}

/** @throws ApiError BadRequest for a `watch` parameter that is neither true nor false */
export function attributesOf(method: string, path: string, target: Target, query: URLSearchParams): Attributes {
  if (target.at !== 'resource') return { verb: method.toLowerCase(), resource: null, path }
  const { group, version, plural, subresource } = target
  const verb = verbOf(method, target, query)
  const name = target.name ?? (COLLECTION_VERBS.includes(verb) ? selectedName(query) : '')
  const aboutNamespace = group === '' && plural === 'namespaces'
  const namespace = aboutNamespace ? (target.name ?? '') : (target.namespace ?? '')
  return {
    verb,
    resource: { group, version, resource: plural, subresource: subresource ?? '', namespace, name },
    path,
  }
}

const COLLECTION_VERBS = ['list', 'watch', 'deletecollection']

function verbOf(method: string, { name, subresource }: ResourceTarget, query: URLSearchParams): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (subresource === null && booleanParameter(query, 'watch')) return 'watch'
      return name === null ? 'list' : 'get'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return name === null ? 'deletecollection' : 'delete'
    default:
      return method.toLowerCase()
  }
}

/**
 * A list of the one object that a field selector names counts as about that object, so that a role with `resourceNames` allows it.
 * Only the plain form counts: nothing that the selector's own parser could read otherwise.
 */
const selectedName = (query: URLSearchParams): string =>
  /^metadata\.name==?([A-Za-z0-9._~:@-]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? ''
