// agent-yaml.mjs FILE [allow=HOST:PORT] [emulation]: adds what `scripts/up` needs to the agent's configuration, keeps everything
// else and all comments. Prints "changed" when it wrote. An explicit `allowEmulation: false` is the operator's word: exit 4.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseDocument } from 'yaml'

const [file, ...wishes] = process.argv.slice(2)
const before = readFileSync(file, 'utf8')
const document = parseDocument(before)
if (document.errors.length > 0) {
  process.stderr.write(`${file}: ${document.errors[0].message}\n`)
  process.exit(1)
}
if (document.contents === null) document.contents = document.createNode({})
for (const wish of wishes) {
  if (wish === 'emulation') {
    if (document.get('allowEmulation') === false) process.exit(4)
    if (document.get('allowEmulation') !== true) document.set('allowEmulation', true)
  } else {
    const address = wish.slice('allow='.length)
    const allowed = document.getIn(['importer', 'allow'])?.toJSON?.() ?? []
    if (!allowed.includes(address)) document.setIn(['importer', 'allow'], document.createNode([...allowed, address]))
  }
}
const after = document.toString()
if (after !== before) {
  writeFileSync(`${file}.new`, after)
  renameSync(`${file}.new`, file)
  process.stdout.write('changed\n')
}
