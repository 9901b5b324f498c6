// Imports one URL after the other, to be traced. Arguments: state folder, URL of a list of URLs, URL of a good image.
// Everything that is loaded late is loaded by the good image; from the look at `TRACE_FROM` on nothing else may be opened.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { ContentStore } from '../../../agent/images/content-store.ts'
import { Importer } from '../../../agent/images/importer.ts'
import { messageOf } from '../../../lib/errors.ts'
import { TRACE_FROM } from './trace.ts'

const [stateDir = '', list = '', good = ''] = process.argv.slice(2)
const content = new ContentStore({ dir: join(stateDir, 'images'), diskDigests: async () => [] })
await content.open()
const config = {
  allow: [new URL(good).host],
  maxBytes: 1n << 26n,
  maxVirtualBytes: 1n << 26n,
  stallTimeoutMs: 60_000,
  totalTimeoutMs: 60_000,
  concurrency: 1,
}
const importer = new Importer({ content, config })
const take = (url: string, index: number) =>
  importer.import(
    { source: { url }, claim: { uid: `uid-${index}`, object: {} } },
    () => {},
    AbortSignal.timeout(60_000),
  )

const urls = (await (await fetch(list)).json()) as readonly string[]
const { digest } = await take(good, 0)
await access(TRACE_FROM).catch(() => undefined)
const said: object[] = []
const left = [...urls.entries()]
/** Two at a time: as many as there are cores to be had. */
async function lane(): Promise<void> {
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const [index, url] = next
    said[index] = await take(url, index + 1).then(
      (image) => ({ digest: image.digest }),
      (error: unknown) => ({ message: messageOf(error), fault: (error as { fault?: string }).fault }),
    )
  }
}
await Promise.all([lane(), lane()])
process.stdout.write(JSON.stringify({ good: digest, outcomes: said }))
