// The verbs on resources: from a request to an answer, without connections.
import type { KindDef } from '../../../schemas/kind.ts'
import { ApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import type { Caller } from '../auth/caller.ts'
import { applyObject } from '../core/apply.ts'
import { type Core, guard, type WriteOptions } from '../core/core.ts'
import { createObject } from '../core/create.ts'
import { type Deleted, deleteObject } from '../core/delete.ts'
import { clonePlain } from '../core/json.ts'
import { fromStore, notFound } from '../core/refusals.ts'
import { schemaOf } from '../core/schema.ts'
import { updateObject } from '../core/update.ts'
import { inVersion, read } from '../core/versions.ts'
import { toWire } from '../fields/wire.ts'
import type { ServedKind } from '../registry.ts'
import { type Answer, type ApiRequest, header, json } from './answer.ts'
import { applyBody, mediaType, objectBody } from './body.ts'
import { checkDuplicates } from './duplicate-fields.ts'
import { applyManager, fieldManager, refuseForce } from './field-manager.ts'
import { negotiate } from './negotiate.ts'
import {
  booleanParameter,
  deleteOptions,
  dryRunParameter,
  fieldValidation,
  numberParameter,
  revisionParameter,
} from './parameters.ts'
import { APPLY_PATCH, checkPatchType, patchOf } from './patch-body.ts'
import { type RenderContext, renderList, renderObject } from './render.ts'
import { parseSelectors, type Selector } from './selectors.ts'
import { successStatus } from './status.ts'
import type { IncludeObject } from './table.ts'

/** A resource request with its kind found. */
export interface ResourceRequest extends ApiRequest {
  readonly served: ServedKind
  /** Empty for cluster-scoped kinds, null for "all namespaces". */
  readonly namespace: string | null
  readonly name: string | null
  readonly part: 'main' | 'status'
  readonly caller: Caller
  /** For what a request does beyond its own verb, such as an apply that creates. @throws ApiError Forbidden */
  readonly requireVerb: (verb: string) => void
}

const COLLECTION = ['GET', 'POST', 'DELETE']
const ITEM = ['GET', 'PUT', 'PATCH', 'DELETE']
const STATUS = ['GET', 'PUT', 'PATCH']

/** Answers everything but watches. @throws ApiError */
export function serveResource(core: Core, request: ResourceRequest): Promise<Answer> {
  const { method, name, namespace } = request
  const allowed = allowedMethods(request)
  if (!allowed.includes(method))
    throw new ApiError('MethodNotAllowed', `${method} is not possible here, only ${allowed.join(', ')}`)
  if (name === null) {
    if (method === 'GET') return list(core, request)
    if (method === 'POST') return create(core, request, namespace ?? '')
    return deleteCollection(core, request)
  }
  const at: At = { namespace: namespace ?? '', name }
  if (method === 'GET') return get(core, request, at)
  if (method === 'DELETE') return remove(core, request, at)
  return update(core, request, at)
}

/** A namespaced kind has no items without a namespace, and its objects can't be created there. */
function allowedMethods({ name, part, namespace }: ResourceRequest): readonly string[] {
  if (part === 'status') return STATUS
  if (name !== null) return ITEM
  return namespace === null ? ['GET'] : COLLECTION
}

interface At {
  readonly namespace: string
  readonly name: string
}

/** How answers to this request look. @throws ApiError NotAcceptable, BadRequest */
export function renderContext(core: Core, request: ResourceRequest): RenderContext {
  const form = negotiate(header(request, 'accept'), ['table', 'metadata'])
  return { served: request.served, form, include: includeObject(request.query), clock: core.clock }
}

function includeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') ?? ''
  if (value === '') return 'Metadata'
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value
  throw new ApiError('BadRequest', 'includeObject must be None, Metadata or Object')
}

export const selectorsOf = ({ served, query }: ResourceRequest): Selector =>
  parseSelectors(served.kind, query.get('labelSelector'), query.get('fieldSelector'))

const shown = (served: ServedKind, value: KubeObject): KubeObject => inVersion(served.kind, value, served.version.name)

async function get(core: Core, request: ResourceRequest, at: At): Promise<Answer> {
  const { served } = request
  const context = renderContext(core, request)
  const entry = await fromStore(served.kind, at, () =>
    core.store.get({ resource: served.kind.resource, namespace: at.namespace, name: at.name }),
  )
  if (entry === null) throw notFound(served.kind, at.name)
  return renderObject(context, shown(served, entry.value))
}

async function list(core: Core, request: ResourceRequest): Promise<Answer> {
  const { served, query, namespace } = request
  const { kind } = served
  const context = renderContext(core, request)
  const selector = selectorsOf(request)
  checkRevision(core, query)
  if (selector.name !== null && namespace !== null) return listOne(core, request, context, selector, namespace)
  const limit = numberParameter(query, 'limit', Number.MAX_SAFE_INTEGER)
  const token = query.get('continue') ?? ''
  const page = await fromStore(kind, { name: '' }, () =>
    core.store.list(kind.resource, {
      ...(kind.namespaced && namespace !== null ? { namespace } : {}),
      ...(limit === undefined || limit === 0 ? {} : { limit }),
      ...(token === '' ? {} : { continue: token }),
    }),
  )
  const objects = page.entries.map((entry) => shown(served, entry.value)).filter(selector.matches)
  return renderList(context, objects, {
    resourceVersion: String(page.revision),
    ...(page.continue === undefined ? {} : { continue: page.continue }),
    // What a selector leaves of the rest is not known.
    ...(page.remaining === undefined || !selector.everything ? {} : { remainingItemCount: page.remaining }),
  })
}

/** A list that one name selects is a get: `kubectl wait` and `get NAME -w` ask so. */
async function listOne(
  core: Core,
  { served }: ResourceRequest,
  context: RenderContext,
  selector: Selector,
  namespace: string,
): Promise<Answer> {
  // Taken before the object: what a watch from here on shows may be known already, but nothing is missed.
  const resourceVersion = String(core.store.revision())
  const entry = await read(core, served.kind, namespace, selector.name ?? '')
  const objects = entry === null ? [] : [shown(served, entry.value)].filter(selector.matches)
  return renderList(context, objects, { resourceVersion })
}

/** Lists always show the newest state, which is not older than any revision of this server; an exact older one cannot be had. */
function checkRevision(core: Core, query: URLSearchParams): void {
  const asked = revisionParameter(query)
  const now = core.store.revision()
  if (asked === null) return
  if (asked > now || (query.get('resourceVersionMatch') === 'Exact' && asked !== now))
    throw new ApiError(
      'Expired',
      `the state at resourceVersion ${asked} is not kept here: list without resourceVersion`,
    )
}

interface Write {
  readonly options: WriteOptions
  readonly warnings: readonly string[]
}

function writeOptions(request: ResourceRequest): Write {
  const { served, query, caller, body } = request
  const warnings: string[] = []
  const options: WriteOptions = {
    version: served.version.name,
    fieldValidation: fieldValidation(query),
    dryRun: dryRunParameter(query.getAll('dryRun')),
    manager: fieldManager(request),
    own: false,
    caller,
    warn: (message) => void warnings.push(message),
  }
  checkDuplicates(body, options)
  return { warnings, options }
}

/** RFC 7234 `Warning` headers, as kubectl prints them. */
function withWarnings(answer: Answer, warnings: readonly string[]): Answer {
  if (warnings.length === 0) return answer
  const quoted = warnings
    .slice(0, 10)
    .map((text) => `299 - "${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`)
  return { ...answer, headers: { ...answer.headers, warning: quoted.join(', ') } }
}

async function create(core: Core, request: ResourceRequest, namespace: string): Promise<Answer> {
  const context = renderContext(core, request)
  const { options, warnings } = writeOptions(request)
  const input = objectBody(bodyOf(request), mediaType(header(request, 'content-type')))
  const made = await createObject(core, request.served.kind, namespace, input, options)
  const answer = { ...renderObject(context, shown(request.served, made), 201), made: made.metadata.name }
  return withWarnings(answer, warnings)
}

const bodyOf = ({ body }: ResourceRequest): Buffer => body ?? Buffer.alloc(0)

async function update(core: Core, request: ResourceRequest, at: At): Promise<Answer> {
  const { served, method, part } = request
  const type = mediaType(header(request, 'content-type'))
  if (method === 'PATCH') checkPatchType(served.kind, type)
  if (method === 'PATCH' && type === APPLY_PATCH) return apply(core, request, at)
  if (method === 'PATCH') refuseForce(request)
  const context = renderContext(core, request)
  const { options, warnings } = writeOptions(request)
  const make = method === 'PATCH' ? patched(served, bodyOf(request), type) : replacement(bodyOf(request), type)
  const made = await updateObject(core, served.kind, at.namespace, at.name, make, { ...options, part })
  return withWarnings(renderObject(context, shown(served, made)), warnings)
}

async function apply(core: Core, request: ResourceRequest, at: At): Promise<Answer> {
  const { served, part } = request
  const context = renderContext(core, request)
  const { options, warnings } = writeOptions(request)
  const config = applyBody(bodyOf(request))
  const requireCreate = () => request.requireVerb('create')
  const given = { ...options, ...applyManager(request), part, requireCreate }
  const { object, created } = await applyObject(core, served.kind, at, config, given)
  return withWarnings(renderObject(context, shown(served, object), created ? 201 : 200), warnings)
}

/** Patches are of what clients see, the record of field owners included. */
function patched(served: ServedKind, body: Buffer, type: string) {
  const change = patchOf(body, type)
  const { schema } = schemaOf(served)
  return (current: KubeObject) => ({ input: change(toWire(schema, current)) })
}

function replacement(body: Buffer, type: string) {
  const input = objectBody(body, type)
  return () => ({ input: clonePlain(input) })
}

async function remove(core: Core, request: ResourceRequest, at: At): Promise<Answer> {
  const { served } = request
  const context = renderContext(core, request)
  const options = deleteOptions(request.query, request.body, mediaType(header(request, 'content-type')))
  const deleted = await deleteObject(core, served.kind, at.namespace, at.name, options, request.caller)
  if (!deleted.gone) return renderObject(context, shown(served, deleted.object))
  return json(successStatus(deletedDetails(served.kind, deleted)))
}

const deletedDetails = ({ group, plural }: KindDef, { object }: Deleted) => ({
  name: object.metadata.name,
  ...(group === '' ? {} : { group }),
  kind: plural,
  uid: object.metadata.uid,
})

/** Deletes what the selectors match, one by one; answers with the objects as they last were. */
async function deleteCollection(core: Core, request: ResourceRequest): Promise<Answer> {
  const { served, namespace, query } = request
  const { kind } = served
  const context = renderContext(core, request)
  const selector = selectorsOf(request)
  const options = deleteOptions(query, request.body, mediaType(header(request, 'content-type')))
  const page = await fromStore(kind, { name: '' }, () =>
    core.store.list(kind.resource, kind.namespaced && namespace !== null ? { namespace } : {}),
  )
  const deleted: KubeObject[] = []
  for (const { key, value } of page.entries) {
    if (!selector.matches(shown(served, value))) continue
    const { uid } = value.metadata
    // A refusal is the answer; that somebody was faster is none.
    guard(core, { operation: 'delete', kind, object: value, old: value, caller: request.caller })
    const one = await deleteObject(core, kind, key.namespace, key.name, { ...options, uid }, request.caller).catch(
      goneAlready,
    )
    if (one !== null) deleted.push(shown(served, one.object))
  }
  return renderList(context, deleted, { resourceVersion: String(core.store.revision()) })
}

/** Someone else was faster: the object is gone, or another one has its name. */
function goneAlready(error: unknown): null {
  if (error instanceof ApiError && (error.reason === 'NotFound' || error.reason === 'Conflict')) return null
  throw error
}

export const isWatch = (request: ResourceRequest): boolean =>
  request.method === 'GET' && request.part === 'main' && booleanParameter(request.query, 'watch')
