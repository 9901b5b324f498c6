// Kinds that are asked, not stored: a POST is checked by its schema as every object is, answered at once, and forgotten.
import type { KindDef } from '../../schemas/kind.ts'
import { ApiError } from '../errors.ts'
import type { KubeObject } from '../object.ts'
import type { Caller } from './auth/caller.ts'
import { schemaOf } from './core/schema.ts'
import { checkType, refuse, unknownErrors } from './core/shape.ts'
import { type Answer, type ApiRequest, header } from './http/answer.ts'
import { mediaType, objectBody } from './http/body.ts'
import { negotiate } from './http/negotiate.ts'
import { fieldValidation } from './http/parameters.ts'
import { type RenderContext, renderObject } from './http/render.ts'
import { apiVersionOf, type ServedKind } from './registry.ts'

export interface VirtualQuestion {
  /** With its schema's defaults; without status. */
  readonly object: KubeObject
  readonly caller: Caller
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string
}

export interface VirtualKind {
  /** Names, versions (all of one schema) and scope, for paths, discovery and OpenAPI. Served with the verb create alone. */
  readonly kind: KindDef
  /**
   * Whom the default roles let ask: hosts of the cluster, whoever has a token to join one, who may read machines (in their namespaces), who
   * may read the infrastructure. Only who may do everything when absent.
   */
  readonly audience?: 'nodes' | 'joiners' | 'viewers' | 'infrastructure'
  /** The answer: fields beside apiVersion, kind and metadata. @throws ApiError */
  answer(question: VirtualQuestion): Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>
}

export interface VirtualRequest extends ApiRequest {
  readonly served: ServedKind
  readonly caller: Caller
  readonly namespace: string
  readonly clock: RenderContext['clock']
}

/** @throws ApiError */
export async function serveVirtual(virtual: VirtualKind, request: VirtualRequest): Promise<Answer> {
  const { served, method, caller, namespace, clock } = request
  if (method !== 'POST') throw new ApiError('MethodNotAllowed', `${method} is not possible here, only POST`)
  const form = negotiate(header(request, 'accept'))
  const { kind, version } = served
  const input = objectBody(request.body ?? Buffer.alloc(0), mediaType(header(request, 'content-type')))
  checkType(kind, version.name, input)
  delete input.status
  const schema = schemaOf(served)
  const unknown = unknownErrors(schema.prune(input), {
    fieldValidation: fieldValidation(request.query),
    warn: () => {},
  })
  refuse(kind, '', [...unknown, ...schema.validate(input)])
  const type = { kind: kind.kind, apiVersion: apiVersionOf(kind.group, version.name) }
  const metadata = { creationTimestamp: null, ...(kind.namespaced ? { namespace } : {}) }
  const answer = await virtual.answer({ object: input as unknown as KubeObject, caller, namespace })
  const object = { ...type, metadata, ...answer } as unknown as KubeObject
  return renderObject({ served, form, include: 'Metadata', clock }, object, 201)
}
