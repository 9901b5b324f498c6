// A client of a scheduler that does not give up: what gets no answer because the scheduler is away is asked again until it does. Every object
// has a name of its own, so that asking twice does it once.
import type { Client } from '../../lib/client/client.ts'
import { isApiError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { steadily } from '../chaos/steady-space.ts'
import { until, waitFor } from '../support/wait.ts'

export interface Draft {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

export class SteadyObjects {
  readonly #client: Client
  readonly #namespace: string

  constructor(client: Client, namespace = 'default') {
    this.#client = client
    this.#namespace = namespace
  }

  async create<T extends KubeObject>(draft: Draft): Promise<T> {
    const { resource, at } = await this.#place(draft.kind, draft.metadata.name, draft.apiVersion)
    const metadata = { ...(at.namespace === '' ? {} : { namespace: at.namespace }), ...draft.metadata }
    return await steadily(
      () => this.#client.objects.create<T>(resource, { ...draft, metadata }),
      (error) => (isApiError(error, 'AlreadyExists') ? this.get<T>(draft.kind, draft.metadata.name) : null),
    )
  }

  async get<T extends KubeObject>(kind: string, name: string): Promise<T> {
    const { resource, at } = await this.#place(kind, name)
    return await steadily(() => this.#client.objects.get<T>(resource, at))
  }

  async find<T extends KubeObject>(kind: string, name: string): Promise<T | null> {
    const { resource, at } = await this.#place(kind, name)
    return await steadily(() => this.#client.objects.find<T>(resource, at))
  }

  /** The same client in another namespace. */
  within(namespace: string): SteadyObjects {
    return new SteadyObjects(this.#client, namespace)
  }

  /** In all namespaces. */
  async list<T extends KubeObject>(kind: string): Promise<readonly T[]> {
    const { resource } = await this.#place(kind, '')
    return (await steadily(() => this.#client.objects.list<T>(resource, {}))).items
  }

  /** RFC 7396. */
  async patch<T extends KubeObject>(kind: string, name: string, patch: unknown): Promise<T> {
    const { resource, at } = await this.#place(kind, name)
    return await steadily(() => this.#client.objects.mergePatch<T>(resource, at, patch))
  }

  /** Resolves when it is gone. */
  async remove(kind: string, name: string, seconds: number): Promise<void> {
    const { resource, at } = await this.#place(kind, name)
    await steadily(
      () => this.#client.objects.delete(resource, at),
      (error) => (isApiError(error, 'NotFound') ? Promise.resolve() : null),
    )
    let left: unknown
    await waitFor(
      `${kind} ${name} gone`,
      seconds,
      async () => {
        left = await this.find(kind, name)
        return left === null
      },
      () => JSON.stringify(left),
    )
  }

  /** The object, once it is as wanted. */
  async until<T extends KubeObject>(
    kind: string,
    name: string,
    wanted: (object: T) => boolean,
    seconds: number,
  ): Promise<T> {
    return await until(`${kind} ${name}`, seconds, () => this.get<T>(kind, name), wanted)
  }

  /** A question of the group `cluster.berth`, which may be asked twice. */
  ask<T>(kind: string, body: object): Promise<T> {
    const path = `/apis/cluster.berth/v1/${kind.toLowerCase()}s`
    const question = { apiVersion: 'cluster.berth/v1', kind, ...body }
    return steadily(() => this.#client.transport.json({ method: 'POST', path, body: question }) as Promise<T>)
  }

  async #place(kind: string, name: string, apiVersion?: string) {
    const catalog = await steadily(() => this.#client.catalog())
    const resource = apiVersion === undefined ? catalog.resolve(kind) : catalog.ofObject(apiVersion, kind)
    return { resource, at: { namespace: resource.namespaced ? this.#namespace : '', name } }
  }
}
