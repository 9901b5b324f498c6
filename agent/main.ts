// The program `berth-agent`: arguments and configuration. Everything else is in app.ts.
import { systemClock } from '../lib/clock.ts'
import { backup, backupUsage, restore } from '../lib/server/backup.ts'
import { CERTS_OPTIONS, certs, certsUsage } from '../lib/server/certs.ts'
import { ConfigError } from '../lib/server/config-error.ts'
import { debugUsage } from '../lib/server/debug/usage.ts'
import { argumentsOf, print, readVersion, runProgram, runServer, UMASK } from '../lib/server/program.ts'
import { startAgent } from './app.ts'
import { checkConfig } from './check-config.ts'
import { type AgentConfig, loadConfig, servedOf } from './config.ts'
import { EXIT } from './exit-codes.ts'
import { judgeKvm, probeKvm } from './host/index.ts'
import { AGENT } from './program.ts'
import { REBUILD_USAGE } from './recovery/usage.ts'

const DEFAULT_CONFIG = '/etc/berth/agent.yaml'
/** A host that takes longer to be looked at does not answer. */
const REBUILD_TIMEOUT_MS = 600_000

const USAGE = `berth-agent [--config FILE] [--state-dir DIR]   run the agent (configuration: ${DEFAULT_CONFIG})
berth-agent --check-config [--config FILE]       whether the agent would take the configuration; exit code 2 when not
berth-agent probe-kvm                            measure whether KVM runs guest code; exit code 3 when it does not
${certsUsage(AGENT)}${backupUsage(AGENT)}${REBUILD_USAGE}${debugUsage(AGENT)}berth-agent --version
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
  if (values.version) return print(`berth-agent ${version}\n`)
  if (positionals[0] === 'probe-kvm' && positionals.length === 1) return probe()
  const [verb, ...words] = positionals
  if (verb === 'backup') return print(await backup(AGENT, await configOf(values), words))
  if (verb === 'restore') return print(await restore(AGENT, await configOf(values), words, systemClock.now()))
  // Only who asks for help needs it: a running agent does without.
  if (verb === 'debug')
    return print(await (await import('./debug/index.ts')).debug(await configOf(values), words, version))
  if (positionals.length > 0) throw new ConfigError('command line', `unknown argument ${positionals[0]}\n${USAGE}`)
  if (values.missing && !values.rebuild)
    throw new ConfigError('command line', `--missing belongs to --rebuild\n${USAGE}`)
  const config = await configOf(values)
  process.umask(UMASK)
  if (values.rebuild) return print(await rebuildMain(config, values.missing ?? false))
  if (!values['check-config']) return run(config)
  await checkConfig(config)
  return print('the configuration is good\n')
}

async function configOf(values: { readonly config?: string; readonly 'state-dir'?: string }): Promise<AgentConfig> {
  const loaded = await loadConfig(values.config ?? DEFAULT_CONFIG, values.config === undefined)
  return values['state-dir'] === undefined ? loaded : { ...loaded, stateDir: values['state-dir'] }
}

async function rebuildMain(config: AgentConfig, missing: boolean): Promise<string> {
  // A running agent does without.
  const { rebuild } = await import('./recovery/rebuild.ts')
  const signal = AbortSignal.timeout(REBUILD_TIMEOUT_MS)
  return rebuild({ config, clock: systemClock, version, missing }, signal)
}

async function certsMain(): Promise<number> {
  const { values, positionals } = argumentsOf({ ...OPTIONS, ...CERTS_OPTIONS })
  const [first, ...words] = positionals
  if (first !== 'certs') throw new ConfigError('command line', `unknown argument ${first}\n${USAGE}`)
  if (values.help) return print(certsUsage(AGENT))
  return print(await certs(AGENT, servedOf(await configOf(values)), words, values))
}

const run = (config: AgentConfig): Promise<number> =>
  runServer(AGENT, config.log, { version, nodeName: config.nodeName }, (given) =>
    startAgent({ config, clock: systemClock, version, ...given }),
  )

async function probe(): Promise<number> {
  const verdict = judgeKvm(await probeKvm({ clock: systemClock }, AbortSignal.timeout(120_000)))
  print(`${verdict.message}\n`)
  return verdict.usable ? EXIT.ok : EXIT.kvmNotUsable
}

await runProgram(AGENT, main)
