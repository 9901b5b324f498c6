// What the words after a server's program make it do. The server itself is a fake that says what it was asked to do.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { runCommand, type ServerCommands } from '../../../../lib/server/command-line.ts'
import type { ServerConfig } from '../../../../lib/server/config.ts'
import { ConfigError } from '../../../../lib/server/config-error.ts'

const done: string[] = []
let printed: string
const { argv } = process
const umask = process.umask()

const commands = (more: Partial<ServerCommands<ServerConfig>> = {}): ServerCommands<ServerConfig> => {
  const did = (what: string, code = 0) => {
    done.push(what)
    return Promise.resolve(code)
  }
  return {
    program: { name: 'berth-thing', short: 'the thing', afterRestore: '' },
    version: '1.2.3',
    defaultConfig: '/etc/thing.yaml',
    usage: [['look-about', 'looks about']],
    verbs: { 'look-about': () => did('looked', 3) },
    rebuildTakesWords: false,
    load: async (path, optional) => ({ stateDir: `${path} ${optional}` }) as ServerConfig,
    served: (config) => ({ config, names: [] }),
    check: async ({ stateDir }) => void (await did(`checked ${stateDir}`)),
    debug: async (_, words) => `debugged ${words}\n`,
    rebuild: (_, { missing, words }) => did(`rebuilt ${missing} ${words}`),
    run: ({ stateDir }) => did(`ran ${stateDir}`),
    ...more,
  }
}

const run = (line: string, more: Partial<ServerCommands<ServerConfig>> = {}) => {
  process.argv = ['node', 'main.ts', ...line.split(' ').filter((word) => word !== '')]
  return runCommand(commands(more))
}

beforeEach(() => {
  done.length = 0
  printed = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  process.argv = argv
  process.umask(umask)
})

it.each([
  ['', 'ran /etc/thing.yaml true'],
  ['--config my.yaml', 'ran my.yaml false'],
  ['--config my.yaml --state-dir /s', 'ran /s'],
  ['--check-config --config my.yaml', 'checked my.yaml false'],
  ['--rebuild', 'rebuilt false '],
  ['--rebuild --missing', 'rebuilt true '],
])('"%s"', async (line, expected) => {
  expect(await run(line)).toBe(0)
  expect(done).toEqual([expected])
})

it('what is made by a server and a rebuild is for root alone', async () => {
  for (const line of ['', '--rebuild']) {
    process.umask(0o022)
    await run(line)
    expect(process.umask(umask)).toBe(0o066)
  }
})

it('a verb of its own needs no configuration, and its exit code is the program’s', async () => {
  const load = () => Promise.reject(new Error('there is none'))
  expect(await run('look-about', { load })).toBe(3)
  expect(done).toEqual(['looked'])
})

it('says its version and its help, without a configuration', async () => {
  const load = () => Promise.reject(new Error('there is none'))
  await run('--version', { load })
  expect(printed).toBe('berth-thing 1.2.3\n')
  printed = ''
  await run('--help', { load })
  const first = printed.split('\n').map((line) => line.split(/ {2,}/)[0])
  expect(first).toEqual(expect.arrayContaining(['berth-thing backup FILE', 'berth-thing look-about']))
  printed = ''
  await run('certs --help', { load })
  expect(printed).toContain('berth-thing certs renew')
})

it('prints what a bundle for whoever helps is', async () => {
  await run('debug a.tar')
  expect(printed).toBe('debugged a.tar\n')
})

it('passes words to a rebuild that takes some', async () => {
  await run('--rebuild h1=https://h1:1 h2=https://h2:1', { rebuildTakesWords: true })
  expect(done).toEqual(['rebuilt false h1=https://h1:1,h2=https://h2:1'])
})

it.each([
  ['nonsense', 'unknown argument nonsense'],
  ['look-about twice', 'unknown argument look-about'],
  ['toString', 'unknown argument toString'],
  ['--rebuild backup', 'unknown argument backup'],
  ['--missing', '--missing belongs to --rebuild'],
  ['x certs', 'unknown argument x'],
  ['backup', 'backup needs a FILE'],
  ['--nonsense', "Unknown option '--nonsense'"],
])('"%s" is refused', async (line, message) => {
  const refused = run(line)
  await expect(refused).rejects.toBeInstanceOf(ConfigError)
  await expect(refused).rejects.toThrow(message)
  expect(done).toEqual([])
})
