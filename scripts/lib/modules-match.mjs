// Exit 0 when node_modules holds what package-lock.json names and its native module loads into this Node and is safe there.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const root = process.argv[2]
const lock = (path) => JSON.parse(readFileSync(`${root}/${path}`, 'utf8')).packages
try {
  const have = lock('node_modules/.package-lock.json')
  for (const [path, want] of Object.entries(lock('package-lock.json'))) {
    // Optional entries are for other systems; npm leaves them out.
    if (path === '' || (want.optional && have[path] === undefined)) continue
    if (have[path]?.version !== want.version || have[path]?.integrity !== want.integrity) process.exit(1)
  }
  const Database = createRequire(`${root}/package.json`)('better-sqlite3')
  new Database(':memory:').close()
  // Compiled without object-wrap.h against headers that need it.
  const native = `${root}/node_modules/better-sqlite3/build/Release/better_sqlite3.node`
  if (readFileSync(native).includes('RemoveEnvironmentCleanupHook')) process.exit(1)
} catch {
  process.exit(1)
}
