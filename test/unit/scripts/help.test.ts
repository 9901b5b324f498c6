// Whoever asks a script what it does gets an answer, and nothing is installed, built, started or stopped.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const SCRIPTS = fileURLToPath(new URL('../../../scripts', import.meta.url))

it.each([
  ['up', '--help'],
  ['down', '-h'],
  ['deb', '--help'],
  ['test', '--help'],
  ['lab', '--help'],
  ['bench', '--help'],
])('scripts/%s %s', (script, asked) => {
  const said = execFileSync(`${SCRIPTS}/${script}`, [asked], { encoding: 'utf8', stdio: 'pipe', timeout: 20_000 })
  expect(said).toMatch(new RegExp(`^scripts/${script}\\b`))
})
