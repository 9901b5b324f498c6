// From a checked request to an answer: discovery, documents, health, resources.
import { ApiError } from '../../errors.ts'
import { METRICS_TYPE } from '../../metrics/samples.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { Caller } from '../auth/caller.ts'
import type { Admitted } from '../auth/guard.ts'
import {
  type ConnectSubresource,
  type ConnectTarget,
  findSubresource,
  type ReadSubresource,
  type Subresource,
} from '../connect.ts'
import type { Core } from '../core/core.ts'
import { Registry } from '../registry.ts'
import { serveVirtual, type VirtualKind } from '../virtual.ts'
import { type Answer, type ApiRequest, header, json } from './answer.ts'
import { type ContentAnswer, contentAnswer } from './content.ts'
import { Discovery } from './discovery.ts'
import { answerHealth, type HealthChecks } from './health.ts'
import { negotiate } from './negotiate.ts'
import { OPENAPI_V2_TYPE, OpenApi } from './openapi.ts'
import { booleanParameter } from './parameters.ts'
import { noSuchPath, type ResourceTarget } from './path.ts'
import { answerPods, isAboutPods } from './pods.ts'
import { isWatch, type ResourceRequest, serveResource } from './verbs.ts'
import { openWatch, type Watch, type WatchCommons } from './watch.ts'

/** Milliseconds that the check or probe of a stream may take. */
const CHECK_MS = 5_000
/** Milliseconds that a report or a document may take. */
const REPORT_MS = 30_000

/** A read-only document that is no stored object, such as a report about the server's host. */
export interface Report {
  readonly group: string
  readonly version: string
  /** Last part of its path: `/apis/{group}/{version}/{name}`. */
  readonly name: string
  /** In no default role but that of administrators of everything. */
  readonly restricted?: true
  /** @throws ApiError BadRequest for parameters that it does not understand */
  read(signal: AbortSignal, query: URLSearchParams): Promise<object>
}

export interface RouterOptions extends HealthChecks {
  readonly reports: readonly Report[]
  readonly core: Core
  readonly watches: WatchCommons
  readonly connect: readonly ConnectSubresource[]
  readonly reads: readonly ReadSubresource[]
  /** The program's version, for `/version`. */
  readonly version: string
  /** Kinds that are asked, not stored. */
  readonly virtual: readonly VirtualKind[]
  /** For rights beyond that of the request itself. */
  readonly authorizer: Authorizer
  /** The answer of `/metrics`; without it there is no such path. */
  readonly metrics?: () => Promise<string>
}

type Routed = Answer | Watch | Promise<Answer | ContentAnswer>

export class Router {
  readonly #options: RouterOptions
  readonly #discovery: Discovery
  readonly #openapi: OpenApi
  readonly #virtual: Registry

  constructor(options: RouterOptions) {
    this.#options = options
    const { core, connect, reads, version, virtual } = options
    this.#virtual = new Registry(virtual.map(({ kind }) => kind))
    this.#discovery = new Discovery(core.registry, [...connect, ...reads], this.#virtual)
    this.#openapi = new OpenApi(core.registry, this.#virtual, version)
  }

  /** Also what is passed on is no `async` function: each would cost every request some turns. @throws ApiError */
  route(admitted: Admitted, request: ApiRequest): Routed {
    const { target } = admitted
    if (target.at === 'resource') return this.#resource(target, request, admitted)
    if (request.method !== 'GET')
      throw new ApiError('MethodNotAllowed', `${request.method} is not possible here, only GET`)
    if (target.at === 'other') return this.#other(target.parts, request)
    if (target.at === 'core-versions' || target.at === 'groups') {
      const form = negotiate(header(request, 'accept'), ['discovery'])
      const isCore = target.at === 'core-versions'
      if (form.as !== 'discovery') return json(isCore ? this.#discovery.coreVersions() : this.#discovery.groups())
      const type = `application/json;g=apidiscovery.k8s.io;v=${form.version};as=APIGroupDiscoveryList`
      return json(this.#discovery.aggregated(form.version, isCore), 200, type)
    }
    negotiate(header(request, 'accept'))
    if (target.at === 'group') return json(this.#discovery.group(target.group))
    return json(this.#discovery.resources(target.group, target.version))
  }

  #resource(target: ResourceTarget, request: ApiRequest, admitted: Admitted): Routed {
    const stream = findSubresource(this.#options.connect, target)
    if (stream !== undefined) return this.#stream(stream, target, request, admitted.caller)
    const read = findSubresource(this.#options.reads, target)
    if (read !== undefined) return this.#read(read, target, request, admitted.caller)
    const { core, watches, reports } = this.#options
    const report =
      target.name !== null
        ? undefined
        : reports.find(
            ({ group, version, name }) =>
              group === target.group && version === target.version && name === target.plural,
          )
    if (report !== undefined) return this.#report(report, request)
    const question = this.#question(target, request, admitted)
    if (question !== null) return question
    if (isAboutPods(target)) return answerPods(target, request)
    const found = this.#find(target, request, admitted)
    return isWatch(found) ? openWatch(core, watches, found) : serveResource(core, found)
  }

  /** The answer of a virtual kind, null when the path is of none. @throws ApiError */
  #question(target: ResourceTarget, request: ApiRequest, { caller }: Admitted): Promise<Answer> | null {
    const served = this.#virtual.lookup(target.group, target.version, target.plural)
    if (served === undefined) return null
    const virtual = this.#options.virtual.find(({ kind }) => kind === served?.kind)
    if (virtual === undefined) return null
    const { namespaced } = served.kind
    if (target.name !== null || namespaced !== (target.namespace !== null)) throw noSuchPath()
    const { clock } = this.#options.core
    return serveVirtual(virtual, { ...request, served, caller, namespace: target.namespace ?? '', clock })
  }

  /** @throws ApiError NotFound when there is no such resource or subresource */
  #find(target: ResourceTarget, request: ApiRequest, { caller, attributes }: Admitted): ResourceRequest {
    const served = this.#options.core.registry.lookup(target.group, target.version, target.plural)
    if (served === undefined) throw noSuchPath()
    const { namespaced, hasStatus } = served.kind
    if (target.subresource === 'scale')
      throw new ApiError(
        'NotFound',
        `${served.kind.resource} cannot be scaled: each ${served.kind.kind} is one, and has no replicas`,
      )
    const wrongScope = namespaced ? target.namespace === null && target.name !== null : target.namespace !== null
    const part = target.subresource === null ? 'main' : 'status'
    if (wrongScope || (part === 'status' && !(target.subresource === 'status' && hasStatus))) throw noSuchPath()
    return {
      method: request.method,
      headers: request.headers,
      query: request.query,
      body: request.body,
      served,
      namespace: namespaced ? target.namespace : '',
      name: target.name,
      part,
      caller,
      requireVerb: (verb) => this.#options.authorizer.require(caller, { ...attributes, verb }),
    }
  }

  async #report(report: Report, request: ApiRequest): Promise<Answer> {
    if (request.method !== 'GET')
      throw new ApiError('MethodNotAllowed', `${request.method} is not possible here, only GET`)
    return json(await report.read(AbortSignal.timeout(REPORT_MS), request.query))
  }

  async #stream(
    stream: ConnectSubresource,
    path: ResourceTarget,
    request: ApiRequest,
    caller: Caller,
  ): Promise<Answer> {
    const target = connectTarget(path, request, caller, stream.scope)
    const signal = AbortSignal.timeout(CHECK_MS)
    await stream.check(target, signal)
    if (stream.probe !== undefined && booleanParameter(request.query, 'probe'))
      return json(await stream.probe(target, signal))
    throw new ApiError('BadRequest', 'this is a stream: connect to it with a websocket')
  }

  async #read(
    read: ReadSubresource,
    path: ResourceTarget,
    request: ApiRequest,
    caller: Caller,
  ): Promise<Answer | ContentAnswer> {
    const target = connectTarget(path, request, caller, read.scope)
    const document = await read.read(target, AbortSignal.timeout(REPORT_MS))
    if ('open' in document) return contentAnswer(document, header(request, 'range'))
    return { code: 200, type: document.type, body: document.body }
  }

  #other(parts: readonly string[], request: ApiRequest): Answer | Promise<Answer> {
    const path = parts.join('/')
    if (path === '')
      return json({
        paths: ['/api', '/apis', '/healthz', '/livez', '/metrics', '/openapi/v3', '/readyz', '/version'],
      })
    if (path === 'version') return json(versionInfo(this.#options.version))
    const health = answerHealth(parts, request.query, this.#options)
    if (health !== null) return health
    const { metrics } = this.#options
    if (path === 'metrics' && metrics !== undefined)
      return metrics().then((body) => ({ code: 200, type: METRICS_TYPE, body }))
    if (path === 'openapi/v3') return json(this.#openapi.index())
    if (path === 'openapi/v2') return { code: 200, type: OPENAPI_V2_TYPE, body: '' }
    const [openapi, v3, root, group, version, ...more] = parts
    if (openapi !== 'openapi' || v3 !== 'v3' || more.length > 0) throw noSuchPath()
    if (root === 'api' && group !== undefined && version === undefined)
      return documentAnswer(this.#openapi.document('', group))
    if (root !== 'apis' || group === undefined || version === undefined) throw noSuchPath()
    return documentAnswer(this.#openapi.document(group, version))
  }
}

/** @throws ApiError NotFound, MethodNotAllowed */
function connectTarget(
  { namespace, name }: ResourceTarget,
  { method, query }: ApiRequest,
  caller: Caller,
  scope: Subresource['scope'] = 'Namespaced',
): ConnectTarget {
  if (name === null || (namespace === null) !== (scope === 'Cluster')) throw noSuchPath()
  if (method !== 'GET') throw new ApiError('MethodNotAllowed', `${method} is not possible here, only GET`)
  return { namespace: namespace ?? '', name, query, user: caller.user, client: caller.client }
}

const documentAnswer = (body: string): Answer => ({ code: 200, type: 'application/json', body })

/** As much of Kubernetes' version.Info as clients read; they compare `major` and `minor` with their own. */
const versionInfo = (version: string) => ({
  major: '1',
  minor: '30',
  gitVersion: `v1.30.0+berth-${version}`,
  platform: `${process.platform}/${process.arch}`,
})
