// The law of import arrows (docs/architecture.md) as a table, and its check; and that no files import each other in a circle, types included.
// Run by `npm run imports`.
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

/** What each file imports of ours, as it says it and as a path from the root. */
type Imports = ReadonlyMap<string, readonly { readonly said: string; readonly target: string }[]>

function importsOf(): Imports {
  const roots = [...new Set(Object.keys(MAY).map((folder) => folder.split('/')[0] ?? folder))]
  return new Map(
    roots.flatMap(filesUnder).map((file) => {
      const found = readFileSync(file, 'utf8').matchAll(IMPORT)
      return [file, [...found].map(([, said = '']) => ({ said, target: normalize(join(dirname(file), said)) }))]
    }),
  )
}

/** One line per import against the law. */
export function violations(imports: Imports = importsOf()): string[] {
  const found: string[] = []
  for (const [file, all] of imports) {
    const folder = ruleOf(file)
    if (folder === undefined) continue
    for (const { said, target } of all) {
      const allowed = [folder, ...(MAY[folder] ?? [])]
      if (!allowed.some((place) => under(target, place))) found.push(`${file} must not import ${target}`)
      // A part with a law of its own may not be entered by the back door of a wider one, but `lib` may use all of `lib`.
      if (!said.endsWith('.ts') && !said.endsWith('.json'))
        found.push(`${file}: the import of ${said} needs its file ending`)
    }
  }
  return found
}

/** One line per circle of imports: whoever reads one of its files has to read all. */
export function circles(imports: Imports = importsOf()): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const walk = (file: string, way: readonly string[]): void => {
    const before = way.indexOf(file)
    if (before >= 0) found.push(`a circle of imports: ${[...way.slice(before), file].join(' -> ')}`)
    if (before >= 0 || done.has(file)) return
    for (const { target } of imports.get(file) ?? []) walk(target, [...way, file])
    done.add(file)
  }
  for (const file of imports.keys()) walk(file, [])
  return found
}

if (process.argv[1]?.endsWith('check-imports.ts')) {
  const imports = importsOf()
  const found = [...violations(imports), ...circles(imports)]
  for (const line of found) console.error(line)
  if (found.length > 0) process.exit(1)
}
