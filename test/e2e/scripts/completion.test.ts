// The scripts of `berth completion` in real shells, asking the built program.
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BERTH } from '../../support/berth.ts'

const LIB = fileURLToPath(new URL('../../../scripts/lib', import.meta.url))
const FETCH_MS = 240_000
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-completion-'))
  await symlink(BERTH, join(folder, 'berth'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** What a shell prints, with `berth` on its path and the script loaded as the documentation says. */
async function said(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { stdout } = await execa(file, args, {
    env: { PATH: `${folder}:${process.env.PATH}`, BERTH_SOCKET: '/nowhere/agent.sock', ...env },
  })
  return stdout.split('\n')
}

it('bash', async () => {
  const line = `source <(berth completion bash)
    COMP_WORDS=(berth get -o ''); COMP_CWORD=3; _berth berth; printf '%s\\n' "\${COMPREPLY[@]}"
    COMP_WORDS=(berth get vm ''); COMP_CWORD=3; _berth berth; echo "\${#COMPREPLY[@]}"`
  expect(await said('bash', ['--norc', '--noprofile', '-c', line])).toEqual(['wide', 'json', 'yaml', 'name', '0'])
})

/** Debian's packages, unpacked and not installed: ten seconds of fetching that every run need not spend. */
if (process.env.BERTH_LONG === '1') {
  async function unpacked(name: string): Promise<string> {
    const fetch = '. "$0/common.sh" && . "$0/packages.sh" && unpacked "$1"'
    return (await execa('bash', ['-c', fetch, LIB, name], { timeout: FETCH_MS })).stdout
  }

  it('zsh', async () => {
    const zsh = join(await unpacked('zsh'), 'bin/zsh')
    // Without its completion system, whose two functions are told to print.
    const line = `compdef() { : }; _files() { print FILES }; compadd() { shift; print -l -- "$@" }
      source <(berth completion zsh)
      words=(berth get -o ''); CURRENT=4; _berth; words=(berth apply -f ''); CURRENT=4; _berth`
    expect(await said(zsh, ['-f', '-c', line])).toEqual(['wide', 'json', 'yaml', 'name', 'FILES'])
  })

  it('fish', async () => {
    const fish = join(await unpacked('fish'), 'usr/bin/fish')
    const library = join(await unpacked('libpcre2-32-0'), 'usr/lib/x86_64-linux-gnu')
    const line = 'berth completion fish | source; complete -C "berth get -o "; complete -C "berth ge"'
    const words = await said(fish, ['--no-config', '-c', line], { LD_LIBRARY_PATH: library })
    expect(words.toSorted()).toEqual(['get', 'json', 'name', 'wide', 'yaml'])
  })
}
