// Typed verbs on objects: get, list, create, update, patch, delete, follow.
import { ApiError, isApiError } from '../errors.ts'
import type { KubeObject, NamespacedName } from '../object.ts'
import { apiVersionOf, pathOf, type ResourceInfo } from './paths.ts'
import type { Query, Transport } from './transport.ts'
import { type Followed, follow, type WatchEvent, watchAfter } from './watch.ts'

export interface Scope {
  /** All namespaces when absent. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

export interface WriteOptions extends CallOptions {
  /** Everything is checked and answered, nothing is stored. */
  readonly dryRun?: boolean
  /** Who writes, for the record of field owners. */
  readonly fieldManager?: string
}

export interface DeleteCall extends CallOptions {
  /** Refuse when the object is another one by now. */
  readonly uid?: string
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan'
  readonly dryRun?: boolean
}

export interface ObjectList<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
}

/** What a caller sends to create; the server completes the metadata. */
export interface Draft {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name?: string; readonly generateName?: string; readonly namespace?: string }
}

const PAGE = 500
export const MERGE_PATCH = 'application/merge-patch+json'

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Takes an answer for an object when it has the shape of one; its fields are the server's word. */
export function readObject<T extends KubeObject>(value: unknown): T {
  if (
    isRecord(value) &&
    typeof value.kind === 'string' &&
    isRecord(value.metadata) &&
    typeof value.metadata.name === 'string'
  )
    return value as unknown as T
  throw new ApiError('InternalError', 'the server answered with something that is not an object')
}

export class Objects {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** @throws ApiError `NotFound` when there is none. */
  async get<T extends KubeObject>(resource: ResourceInfo, name: NamespacedName, options: CallOptions = {}): Promise<T> {
    return readObject<T>(await this.#transport.json({ path: pathOf(resource, name), ...options }))
  }

  /** The object, or null when there is none. */
  async find<T extends KubeObject>(
    resource: ResourceInfo,
    name: NamespacedName,
    options: CallOptions = {},
  ): Promise<T | null> {
    try {
      return await this.get<T>(resource, name, options)
    } catch (error) {
      if (isApiError(error, 'NotFound')) return null
      throw error
    }
  }

  /** All objects of the scope at one revision, read in pages. */
  async list<T extends KubeObject>(
    resource: ResourceInfo,
    scope: Scope,
    options: CallOptions = {},
  ): Promise<ObjectList<T>> {
    try {
      return await this.#pages<T>(resource, scope, PAGE, options)
    } catch (error) {
      // The list changed too much between two pages: take it in one.
      if (!isApiError(error, 'Expired')) throw error
      return await this.#pages<T>(resource, scope, undefined, options)
    }
  }

  async create<T extends KubeObject>(resource: ResourceInfo, draft: Draft, options: WriteOptions = {}): Promise<T> {
    const path = pathOf(resource, { namespace: draft.metadata.namespace })
    return readObject<T>(await this.#write('POST', path, draft, options))
  }

  /** Replaces the object; its `resourceVersion` guards against a change in between (Conflict). */
  async update<T extends KubeObject>(resource: ResourceInfo, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata
    return readObject<T>(await this.#write('PUT', pathOf(resource, { namespace, name }), object, options))
  }

  /** RFC 7396: null removes, lists are replaced whole. */
  async mergePatch<T extends KubeObject>(
    resource: ResourceInfo,
    name: NamespacedName,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    return readObject<T>(await this.#write('PATCH', pathOf(resource, name), patch, options, MERGE_PATCH))
  }

  /** @throws ApiError `NotFound` when there is none, `Conflict` when `uid` is not its uid. */
  async delete(resource: ResourceInfo, name: NamespacedName, options: DeleteCall = {}): Promise<void> {
    const { uid, propagation, dryRun, ...call } = options
    await this.#transport.json({
      method: 'DELETE',
      path: pathOf(resource, name),
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
        ...(uid === undefined ? {} : { preconditions: { uid } }),
        ...(dryRun ? { dryRun: ['All'] } : {}),
      },
      ...call,
    })
  }

  /** Changes after a resource version, see {@link watchAfter}. */
  watch<T extends KubeObject>(
    resource: ResourceInfo,
    scope: Scope,
    after: string,
    options: { readonly signal?: AbortSignal; readonly patienceMs?: number } = {},
  ): AsyncIterable<WatchEvent<T>> {
    return watchAfter<T>(this.#transport, after, {
      path: pathOf(resource, { namespace: scope.namespace }),
      query: scopeQuery(scope),
      read: readObject<T>,
      ...options,
    })
  }

  /** All objects of the scope, then every change to them, see {@link follow}. */
  follow<T extends KubeObject>(
    resource: ResourceInfo,
    scope: Scope,
    options: { readonly signal?: AbortSignal; readonly patienceMs?: number } = {},
  ): AsyncIterable<Followed<T>> {
    const call = options.signal === undefined ? {} : { signal: options.signal }
    return follow<T>(this.#transport, () => this.list<T>(resource, scope, call), {
      path: pathOf(resource, { namespace: scope.namespace }),
      query: scopeQuery(scope),
      read: readObject<T>,
      ...options,
    })
  }

  async #write(
    method: 'POST' | 'PUT' | 'PATCH',
    path: string,
    body: unknown,
    { dryRun, fieldManager, ...call }: WriteOptions,
    contentType = 'application/json',
  ): Promise<unknown> {
    const query: Query = { dryRun: dryRun ? 'All' : undefined, fieldManager }
    return await this.#transport.json({ method, path, query, body, contentType, ...call })
  }

  async #pages<T extends KubeObject>(
    resource: ResourceInfo,
    scope: Scope,
    limit: number | undefined,
    options: CallOptions,
  ): Promise<ObjectList<T>> {
    const items: T[] = []
    let next: string | undefined
    for (;;) {
      const answer = await this.#transport.json({
        path: pathOf(resource, { namespace: scope.namespace }),
        query: { ...scopeQuery(scope), limit: limit === undefined ? undefined : String(limit), continue: next },
        ...options,
      })
      if (!isRecord(answer) || !Array.isArray(answer.items) || !isRecord(answer.metadata))
        throw new ApiError('InternalError', 'the server answered a list request with something else')
      const named = { apiVersion: apiVersionOf(resource), kind: resource.kind }
      for (const item of answer.items) items.push(readObject<T>({ ...named, ...item }))
      next =
        typeof answer.metadata.continue === 'string' && answer.metadata.continue !== ''
          ? answer.metadata.continue
          : undefined
      if (next === undefined) return { items, resourceVersion: String(answer.metadata.resourceVersion ?? '') }
    }
  }
}

export const scopeQuery = ({ labelSelector, fieldSelector }: Scope): Query => ({ labelSelector, fieldSelector })
