// `berth apply`: objects become what files say; what a file no longer says goes, what others set stays.

import { printedName } from '../../lib/client/paths.ts'
import { isApiError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { recordOf, wantedOf, withRecord } from '../apply/last-applied.ts'
import { threeWayPatch } from '../apply/merge.ts'
import { type Found, forEachManifest } from '../each.ts'
import { print } from '../io.ts'
import { readManifests } from '../manifests.ts'
import type { Session } from '../session.ts'

export interface FileOptions {
  readonly filename: readonly string[]
  readonly dryRun?: boolean
}

type Verdict = 'created' | 'configured' | 'unchanged'

/** Someone else may create, delete or change the object between our look and our write. */
const ATTEMPTS = 5
const MANAGER = 'berth-apply'

export async function apply(session: Session, options: FileOptions): Promise<void> {
  const manifests = await readManifests(options.filename, session.io)
  await forEachManifest(session, manifests, async (found) => {
    const { name } = found.object.metadata
    if (name === undefined)
      throw new Error('metadata.generateName: apply needs a name; use "berth create" for a new name at each call')
    const verdict = await applyOne(session, found, name, options.dryRun === true)
    print(session.io, `${printedName(found.resource, name)} ${verdict}${options.dryRun ? ' (dry run)' : ''}`)
  })
}

async function applyOne(session: Session, found: Found, name: string, dryRun: boolean): Promise<Verdict> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOne(session, found, name, dryRun)
    } catch (error) {
      const raced = isApiError(error, 'AlreadyExists') || isApiError(error, 'Conflict')
      if (!raced || attempt === ATTEMPTS) throw error
    }
  }
}

async function attemptOne({ client, io }: Session, found: Found, name: string, dryRun: boolean): Promise<Verdict> {
  const { resource, namespace } = found
  const target = { namespace: namespace ?? '', name }
  const options = { dryRun, fieldManager: MANAGER, signal: io.signal }
  const wanted = withRecord(wantedOf(found.object, namespace))
  const live = await client.objects.find<KubeObject>(resource, target, { signal: io.signal })
  if (live === null) {
    await client.objects.create(resource, wanted, options)
    return 'created'
  }
  const patch = threeWayPatch(recordOf({ ...live }), wanted, { ...live })
  if (Object.keys(patch).length === 0) return 'unchanged'
  const after = await client.objects.mergePatch<KubeObject>(resource, target, patch, options)
  // A list without the server's defaults differs from the stored one and still changes nothing.
  return after.metadata.resourceVersion === live.metadata.resourceVersion ? 'unchanged' : 'configured'
}
