// `berth delete`: asks for deletion and waits until the objects are gone.

import { printedName, type ResourceInfo } from '../../lib/client/paths.ts'
import { type ApiError, isApiError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { forEach, forEachManifest } from '../each.ts'
import { print } from '../io.ts'
import { readManifests } from '../manifests.ts'
import { parseAsks } from '../names.ts'
import type { Session } from '../session.ts'
import { UsageError } from '../usage.ts'
import { waitFor } from '../wait.ts'

export interface DeleteOptions {
  readonly filename?: readonly string[]
  readonly ignoreNotFound?: boolean
  readonly wait: boolean
  /** Milliseconds, for all objects together. */
  readonly timeout: number
}

interface Doomed {
  readonly resource: ResourceInfo
  readonly name: string
  readonly namespace: string
  readonly uid: string
}

export async function remove(
  session: Session,
  options: DeleteOptions,
  kind: string | undefined,
  names: readonly string[],
): Promise<void> {
  const deleted: Doomed[] = []
  try {
    if (options.filename !== undefined) {
      if (kind !== undefined) throw new UsageError('give files or names, not both')
      await removeManifests(session, options, options.filename, deleted)
    } else if (kind === undefined) throw new UsageError('say what to delete: KIND NAME, KIND/NAME or -f FILE')
    else await removeNamed(session, options, [kind, ...names], deleted)
  } finally {
    // What was accepted before an error is waited for all the same.
    if (options.wait && !session.io.signal.aborted) await waitUntilGone(session, deleted, options.timeout)
  }
}

async function removeNamed(
  session: Session,
  options: DeleteOptions,
  words: readonly string[],
  deleted: Doomed[],
): Promise<void> {
  const asks = parseAsks(words, await session.client.catalog(session.io.signal))
  if (asks.some(({ names }) => names.length === 0)) throw new UsageError('say which: KIND NAME or KIND/NAME')
  const targets = asks.flatMap(({ resource, names }) => names.map((name) => ({ resource, name })))
  await forEach(
    session.io,
    targets,
    () => '',
    ({ resource, name }) => removeOne(session, options, { resource, name, namespace: session.namespace }, deleted),
  )
}

async function removeManifests(
  session: Session,
  options: DeleteOptions,
  files: readonly string[],
  deleted: Doomed[],
): Promise<void> {
  // Last first: what uses something is as a rule written after it.
  const manifests = (await readManifests(files, session.io)).reverse()
  await forEachManifest(session, manifests, async ({ resource, object, namespace }) => {
    const { name } = object.metadata
    if (name === undefined) throw new Error('metadata.generateName: the object has no name to delete it by')
    await removeOne(session, options, { resource, name, namespace: namespace ?? '' }, deleted)
  })
}

async function removeOne(
  session: Session,
  options: DeleteOptions,
  target: Omit<Doomed, 'uid'>,
  deleted: Doomed[],
): Promise<void> {
  const { client, io } = session
  try {
    const { uid } = (await client.objects.get<KubeObject>(target.resource, target, { signal: io.signal })).metadata
    await client.objects.delete(target.resource, target, { propagation: 'Background', signal: io.signal })
    deleted.push({ ...target, uid })
  } catch (error) {
    if (options.ignoreNotFound && isMissing(error)) return
    throw error
  }
  print(io, `${printedName(target.resource, target.name)} deleted`)
}

const isMissing = (error: unknown): error is ApiError => isApiError(error, 'NotFound')

async function waitUntilGone(session: Session, deleted: readonly Doomed[], timeoutMs: number): Promise<void> {
  const { io, client } = session
  const end = io.clock.monotonic() + timeoutMs
  await forEach(
    io,
    deleted,
    ({ resource, name }) => printedName(resource, name),
    async (target) => {
      let last: KubeObject | null = null
      const left = Math.max(1, Math.ceil(end - io.clock.monotonic()))
      const gone = await waitFor<KubeObject>(client, {
        resource: target.resource,
        target,
        timeoutMs: left,
        signal: io.signal,
        done: (object) => {
          last = object
          return object === null
        },
      })
      if (!gone) throw new Error(`still being deleted after ${timeoutMs / 1000} s${holders(last)}`)
    },
  )
}

function holders(object: KubeObject | null): string {
  const finalizers = object?.metadata.finalizers ?? []
  return finalizers.length === 0 ? '' : `, held by ${finalizers.join(', ')}`
}
