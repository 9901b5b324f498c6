// Runs the same for many objects: an error is told with its place and the others still get their turn.

import { UnreachableError } from '../lib/client/errors.ts'
import type { ResourceInfo } from '../lib/client/paths.ts'
import { failureLines } from './failure.ts'
import { painter } from './format/colour.ts'
import { type Io, note } from './io.ts'
import type { Manifest, ManifestObject } from './manifests.ts'
import type { Session } from './session.ts'
import { Failed, UsageError } from './usage.ts'

/** Prints an error of one object: `error: vm.yaml:3: …`. */
export function tell(io: Io, source: string, error: unknown): void {
  const paint = painter(io, io.stderr)
  const [first = 'failed', ...more] = typeof error === 'string' ? [error] : failureLines(error)
  note(io, [`${paint('red', 'error:')} ${source === '' ? '' : `${source}: `}${first}`, ...more].join('\n'))
}

/** @throws Failed after the last one when any failed; a server out of reach or an interruption ends it at once. */
export async function forEach<T>(
  io: Io,
  items: readonly T[],
  sourceOf: (item: T) => string,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let failed = false
  for (const item of items) {
    try {
      await work(item)
    } catch (error) {
      if (error instanceof UnreachableError || io.signal.aborted) throw error
      failed = true
      if (!(error instanceof Failed)) tell(io, sourceOf(item), error)
    }
  }
  if (failed) throw new Failed()
}

export interface Found {
  readonly source: string
  readonly resource: ResourceInfo
  readonly object: ManifestObject
  /** Undefined for cluster-scoped kinds. */
  readonly namespace: string | undefined
}

/** What each manifest is on this server, handed to `work`; see {@link forEach}. */
export async function forEachManifest(
  session: Session,
  manifests: readonly Manifest[],
  work: (found: Found) => Promise<void>,
): Promise<void> {
  if (manifests.length === 0) throw new UsageError('the files have no objects')
  const catalog = await session.client.catalog(session.io.signal)
  await forEach(
    session.io,
    manifests,
    ({ source }) => source,
    async (manifest) => {
      if ('error' in manifest) throw new Error(manifest.error)
      const { source, object } = manifest
      const resource = catalog.ofObject(object.apiVersion, object.kind)
      await work({
        source,
        resource,
        object,
        namespace: resource.namespaced ? namespaceOf(session, object) : undefined,
      })
    },
  )
}

function namespaceOf(session: Session, { metadata }: ManifestObject): string {
  const own = metadata.namespace
  if (own !== undefined && own !== '' && session.namespaceGiven && own !== session.namespace)
    throw new Error(`metadata.namespace: the object says ${own}, the command line says ${session.namespace}`)
  return own || session.namespace
}
