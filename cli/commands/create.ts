// `berth create`: new objects from files; an object that is there already is an error.

import { printedName } from '../../lib/client/paths.ts'
import type { KubeObject } from '../../lib/object.ts'
import { forEachManifest } from '../each.ts'
import { print } from '../io.ts'
import { readManifests } from '../manifests.ts'
import type { Session } from '../session.ts'
import type { FileOptions } from './apply.ts'

export async function create(session: Session, options: FileOptions): Promise<void> {
  const manifests = await readManifests(options.filename, session.io)
  await forEachManifest(session, manifests, async ({ resource, object, namespace }) => {
    const metadata = namespace === undefined ? object.metadata : { ...object.metadata, namespace }
    const made = await session.client.objects.create<KubeObject>(
      resource,
      { ...object, metadata },
      { dryRun: options.dryRun === true, fieldManager: 'berth-create', signal: session.io.signal },
    )
    print(session.io, `${printedName(resource, made.metadata.name)} created${options.dryRun ? ' (dry run)' : ''}`)
  })
}
