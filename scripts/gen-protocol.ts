// Prints lib/libvirt's generated sources from the checked-in facts in lib/libvirt/data.
//
//   npx tsx scripts/gen-protocol.ts                       writes protocol.gen.ts and constants.gen.ts
//   npx tsx scripts/gen-protocol.ts --constants API_DIR   first re-reads the constants from libvirt's own XML
//                                                         (package libvirt-dev, /usr/share/libvirt/api)
//
// The output depends on the data folder alone, so that a test can compare it on any machine.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ApiConstants, parseApiXml, printConstants } from './gen-protocol/constants.ts'
import { type ProtocolFacts, printProtocol } from './gen-protocol/protocol.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'lib/libvirt')

const readData = <T>(name: string): T => JSON.parse(readFileSync(join(folder, 'data', name), 'utf8')) as T

/** The generated files by name, as text. Reads only the data folder. */
export function generate(): Readonly<Record<'protocol.gen.ts' | 'constants.gen.ts', string>> {
  return {
    'protocol.gen.ts': printProtocol(readData<ProtocolFacts>('libvirt-rpc.json')),
    'constants.gen.ts': printConstants(readData<ApiConstants>('libvirt-constants.json')),
  }
}

function main(args: readonly string[]): void {
  const at = args.indexOf('--constants')
  const apiFolder = at < 0 ? undefined : args[at + 1]
  if (at >= 0 && apiFolder === undefined) throw new Error('--constants needs the folder that holds libvirt-api.xml')
  if (apiFolder !== undefined) {
    const xml = ['libvirt-api.xml', 'libvirt-qemu-api.xml'].map((name) => readFileSync(join(apiFolder, name), 'utf8'))
    writeFileSync(join(folder, 'data/libvirt-constants.json'), `${JSON.stringify(parseApiXml(xml), null, 1)}\n`)
  }
  for (const [name, text] of Object.entries(generate())) writeFileSync(join(folder, name), text)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2))
