// runtime-modules.mjs ROOT: prints the folders of npm's modules that the built programs need, one a line, below ROOT: what package.json
// depends on and what that needs, by package-lock.json. Not prebuild-install, which better-sqlite3 names for its own installation.
import { readFileSync } from 'node:fs'

const NOT_AT_RUN_TIME = ['prebuild-install']
const packages = JSON.parse(readFileSync(`${process.argv[2]}/package-lock.json`, 'utf8')).packages
const found = new Set()

/** Where `name` is found from a module's folder: in it, or in the nearest one above. */
function place(from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    if (packages[path] !== undefined) return path
    if (folder === '') return undefined
  }
}

function take(from) {
  for (const name of Object.keys(packages[from].dependencies ?? {})) {
    if (NOT_AT_RUN_TIME.includes(name)) continue
    const path = place(from, name)
    if (path === undefined) throw new Error(`${name}, which ${from === '' ? 'package.json' : from} needs, is not in package-lock.json`)
    if (found.has(path)) continue
    found.add(path)
    take(path)
  }
}

take('')
process.stdout.write(`${[...found].sort().join('\n')}\n`)
