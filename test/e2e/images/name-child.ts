// One import with the resolver of the system, whatever that is here. Arguments: state folder, allowed address with port, URL.
import { join } from 'node:path'
import { ContentStore } from '../../../agent/images/content-store.ts'
import { Importer } from '../../../agent/images/importer.ts'
import { messageOf } from '../../../lib/errors.ts'

const [stateDir = '', allowed = '', url = ''] = process.argv.slice(2)
const content = new ContentStore({ dir: join(stateDir, 'images'), diskDigests: async () => [] })
await content.open()
const config = {
  allow: [allowed],
  maxBytes: 1n << 26n,
  maxVirtualBytes: 1n << 26n,
  stallTimeoutMs: 30_000,
  totalTimeoutMs: 30_000,
  concurrency: 1,
}
const importer = new Importer({ content, config })
const claim = { uid: 'uid', object: {} }
const said = await importer
  .import({ source: { url }, claim }, () => {}, AbortSignal.timeout(60_000))
  .then(
    () => 'taken',
    (error: unknown) => messageOf(error),
  )
process.stdout.write(said)
