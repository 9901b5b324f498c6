// The command line of a server's program: what both servers have in common, and what each adds.
import { systemClock } from '../clock.ts'
import { backup, backupUsage, restore } from './backup.ts'
import { CERTS_OPTIONS, certs, certsUsage } from './certs.ts'
import type { ServerConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { debugUsage } from './debug/usage.ts'
import type { Served } from './listen.ts'
import { argumentsOf, print, type ServerProgram, UMASK, usageLines } from './program.ts'

/** What a server's program does by itself. Each resolves with the exit code, or with the text to print, and throws in words for the operator. */
export interface ServerCommands<C extends ServerConfig> {
  readonly program: ServerProgram
  readonly version: string
  /** Path of the configuration when none is named; need not be there then. */
  readonly defaultConfig: string
  /** Lines of help for what only this server has: the words, and what they do. */
  readonly usage: readonly (readonly [string, string])[]
  /** Verbs of this server alone, which need no configuration and take no words. */
  readonly verbs?: Readonly<Record<string, () => Promise<number>>>
  /** Whether words may follow `--rebuild`. */
  readonly rebuildTakesWords: boolean
  /** `optional`: a missing file means defaults. @throws ConfigError */
  load(path: string, optional: boolean): Promise<C>
  served(config: C): Served
  /** What a start would refuse. @throws ConfigError */
  check(config: C): Promise<void>
  debug(config: C, words: readonly string[]): Promise<string>
  rebuild(config: C, given: RebuildWords): Promise<number>
  run(config: C): Promise<number>
}

export interface RebuildWords {
  /** To add to the database instead of making one. */
  readonly missing: boolean
  readonly words: readonly string[]
}

const OPTIONS = {
  config: { type: 'string' },
  'state-dir': { type: 'string' },
  'check-config': { type: 'boolean' },
  rebuild: { type: 'boolean' },
  missing: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Does what the arguments of this process say. @returns the exit code @throws ConfigError for a wrong command line, and in words what went wrong */
export async function runCommand<C extends ServerConfig>(commands: ServerCommands<C>): Promise<number> {
  if (process.argv.includes('certs')) return runCerts(commands)
  const { program, version, verbs = {} } = commands
  const { values, positionals } = argumentsOf(OPTIONS)
  const [verb, ...words] = positionals
  const config = () => configOf(commands, values)
  if (values.help) return print(usageOf(commands))
  if (values.version) return print(`${program.name} ${version}\n`)
  if (values.missing && !values.rebuild) throw wrong(commands, '--missing belongs to --rebuild')
  if (values.rebuild) {
    if (verb !== undefined && !commands.rebuildTakesWords) throw wrong(commands, `unknown argument ${verb}`)
    const loaded = await config()
    process.umask(UMASK)
    return commands.rebuild(loaded, { missing: values.missing ?? false, words: positionals })
  }
  if (verb === 'backup') return print(await backup(program, await config(), words))
  if (verb === 'restore') return print(await restore(program, await config(), words, systemClock.now()))
  if (verb === 'debug') return print(await commands.debug(await config(), words))
  const own = verb === undefined || words.length > 0 || !Object.hasOwn(verbs, verb) ? undefined : verbs[verb]
  if (own !== undefined) return own()
  if (verb !== undefined) throw wrong(commands, `unknown argument ${verb}`)
  const loaded = await config()
  process.umask(UMASK)
  if (!values['check-config']) return commands.run(loaded)
  await commands.check(loaded)
  return print('the configuration is good\n')
}

async function runCerts<C extends ServerConfig>(commands: ServerCommands<C>): Promise<number> {
  const { program } = commands
  const { values, positionals } = argumentsOf({ ...OPTIONS, ...CERTS_OPTIONS })
  const [first, ...words] = positionals
  if (first !== 'certs') throw wrong(commands, `unknown argument ${first}`)
  if (values.help) return print(certsUsage(program))
  return print(await certs(program, commands.served(await configOf(commands, values)), words, values))
}

async function configOf<C extends ServerConfig>(
  { load, defaultConfig }: Pick<ServerCommands<C>, 'load' | 'defaultConfig'>,
  values: { readonly config?: string; readonly 'state-dir'?: string },
): Promise<C> {
  const loaded = await load(values.config ?? defaultConfig, values.config === undefined)
  return values['state-dir'] === undefined ? loaded : { ...loaded, stateDir: values['state-dir'] }
}

const wrong = <C extends ServerConfig>(commands: ServerCommands<C>, message: string): ConfigError =>
  new ConfigError('command line', `${message}\n${usageOf(commands)}`)

function usageOf<C extends ServerConfig>({ program, defaultConfig, usage }: ServerCommands<C>): string {
  const { short } = program
  return [
    usageLines(program, [
      ['[--config FILE] [--state-dir DIR]', `run ${short} (configuration: ${defaultConfig})`],
      ['--check-config [--config FILE]', `whether ${short} would take the configuration; exit code 2 when not`],
    ]),
    certsUsage(program),
    backupUsage(program),
    debugUsage(program),
    usageLines(program, [...usage, ['--version', 'its version']]),
  ].join('')
}
