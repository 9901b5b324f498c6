// The law of import arrows (docs/architecture.md) as a table, and its check. Run by `npm run imports`.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** What files under a folder may import of ours; the longest matching folder decides. Its own folder is always allowed. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  schemas: ['lib/object.ts', 'lib/errors.ts', 'lib/quantity.ts', 'lib/conditions.ts', 'lib/domain/topology.ts'],
  lib: ['lib'],
  'lib/libvirt': [],
  'lib/xml': [],
  'lib/domain': ['lib/xml'],
  'lib/store': ['lib/errors.ts', 'lib/clock.ts', 'lib/object.ts', 'lib/files.ts', 'lib/advice.ts'],
  'lib/metrics': ['lib/clock.ts', 'lib/errors.ts', 'lib/object.ts', 'lib/reconcile/reader.ts'],
  'lib/placement': ['schemas', 'lib'],
  'lib/apiserver': ['lib', 'schemas'],
  'lib/client': ['lib', 'schemas'],
  'lib/controllers': ['lib', 'schemas'],
  'lib/operations': ['lib', 'schemas'],
  'lib/cluster': ['lib', 'schemas'],
  'lib/server': ['lib', 'schemas'],
  agent: ['lib', 'schemas'],
  scheduler: ['lib', 'schemas'],
  cli: ['lib', 'schemas'],
  scripts: ['lib', 'schemas', 'agent', 'scheduler', 'cli', 'test'],
  test: ['lib', 'schemas', 'agent', 'scheduler', 'cli', 'scripts', 'vitest.config.ts'],
}

const IMPORT = /(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

/** The longest entry of the table that the file lies under. */
const ruleOf = (file: string): string | undefined =>
  Object.keys(MAY)
    .filter((folder) => file.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0]

const under = (target: string, place: string): boolean => target === place || target.startsWith(`${place}/`)

/** One line per import against the law. */
export function violations(): string[] {
  const found: string[] = []
  const roots = [...new Set(Object.keys(MAY).map((folder) => folder.split('/')[0] ?? folder))]
  for (const file of roots.flatMap(filesUnder)) {
    const folder = ruleOf(file)
    if (folder === undefined) continue
    const text = readFileSync(file, 'utf8')
    for (const [, path = ''] of text.matchAll(IMPORT)) {
      const target = normalize(join(dirname(file), path))
      const allowed = [folder, ...(MAY[folder] ?? [])]
      if (!allowed.some((place) => under(target, place))) found.push(`${file} must not import ${target}`)
      // A part with a law of its own may not be entered by the back door of a wider one, but `lib` may use all of `lib`.
      if (!path.endsWith('.ts') && !path.endsWith('.json'))
        found.push(`${file}: the import of ${path} needs its file ending`)
    }
  }
  return found
}

if (process.argv[1]?.endsWith('check-imports.ts')) {
  const found = violations()
  for (const line of found) console.error(line)
  if (found.length > 0) process.exit(1)
}
