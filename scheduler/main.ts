// The program `berth-scheduler`: arguments and configuration. Everything else is in app.ts.
import { systemClock } from '../lib/clock.ts'
import { backup, backupUsage, restore } from '../lib/server/backup.ts'
import { CERTS_OPTIONS, certs, certsUsage } from '../lib/server/certs.ts'
import { checkServerConfig } from '../lib/server/check-config.ts'
import { ConfigError } from '../lib/server/config-error.ts'
import { debugUsage } from '../lib/server/debug/usage.ts'
import { argumentsOf, print, readVersion, runProgram, runServer, UMASK } from '../lib/server/program.ts'
import { startScheduler } from './app.ts'
import { loadConfig, type SchedulerConfig, servedOf } from './config.ts'
import { EXIT } from './exit-codes.ts'
import { SCHEDULER } from './program.ts'

const DEFAULT_CONFIG = '/etc/berth/scheduler.yaml'

const USAGE = `berth-scheduler [--config FILE] [--state-dir DIR]   run the scheduler (configuration: ${DEFAULT_CONFIG})
berth-scheduler --check-config [--config FILE]   whether the scheduler would take the configuration; exit code 2 when not
${certsUsage(SCHEDULER)}${backupUsage(SCHEDULER)}${debugUsage(SCHEDULER)}berth-scheduler --rebuild [--missing] NODE=URL...   make a lost database anew from what hosts have; --missing adds to one
berth-scheduler --version
`

const OPTIONS = {
  config: { type: 'string' },
  'state-dir': { type: 'string' },
  'check-config': { type: 'boolean' },
  rebuild: { type: 'boolean' },
  missing: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const version = readVersion()

async function main(): Promise<number> {
  if (process.argv.includes('certs')) return certsMain()
  const { values, positionals } = argumentsOf(OPTIONS)
  if (values.help) return print(USAGE)
  if (values.version) return print(`berth-scheduler ${version}\n`)
  if (values.rebuild) return rebuildMain(await configOf(values), positionals, values.missing ?? false)
  if (values.missing) throw new ConfigError('command line', `--missing belongs to --rebuild\n${USAGE}`)
  const [verb, ...words] = positionals
  if (verb === 'backup') return print(await backup(SCHEDULER, await configOf(values), words))
  if (verb === 'restore') return print(await restore(SCHEDULER, await configOf(values), words, systemClock.now()))
  // Only who asks for help needs it: a running scheduler does without.
  if (verb === 'debug')
    return print(await (await import('./debug/index.ts')).debug(await configOf(values), words, version))
  if (verb !== undefined) throw new ConfigError('command line', `unknown argument ${verb}\n${USAGE}`)
  const config = await configOf(values)
  process.umask(UMASK)
  if (!values['check-config']) return run(config)
  await checkServerConfig(servedOf(config))
  return print('the configuration is good\n')
}

async function configOf(values: { readonly config?: string; readonly 'state-dir'?: string }): Promise<SchedulerConfig> {
  const loaded = await loadConfig(values.config ?? DEFAULT_CONFIG, values.config === undefined)
  return values['state-dir'] === undefined ? loaded : { ...loaded, stateDir: values['state-dir'] }
}

async function certsMain(): Promise<number> {
  const { values, positionals } = argumentsOf({ ...OPTIONS, ...CERTS_OPTIONS })
  const [first, ...words] = positionals
  if (first !== 'certs') throw new ConfigError('command line', `unknown argument ${first}\n${USAGE}`)
  if (values.help) return print(certsUsage(SCHEDULER))
  return print(await certs(SCHEDULER, servedOf(await configOf(values)), words, values))
}

async function rebuildMain(config: SchedulerConfig, hosts: readonly string[], missing: boolean): Promise<number> {
  process.umask(UMASK)
  // A running scheduler does without.
  const { rebuild } = await import('./recovery/rebuild.ts')
  const { text, complete } = await rebuild({ config, clock: systemClock, version, hosts, missing })
  print(text)
  return complete ? EXIT.ok : EXIT.notAllRecovered
}

const run = (config: SchedulerConfig): Promise<number> =>
  runServer(SCHEDULER, config.log, { version }, (given) =>
    startScheduler({ config, clock: systemClock, version, ...given }),
  )

await runProgram(SCHEDULER, main)
