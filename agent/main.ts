// The program `berth-agent`: arguments, configuration, log, signals. Everything else is in app.ts.
import { readFileSync } from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { pino } from 'pino'
import { systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { isJournal, journalPrefix, journalStream } from '../lib/journal.ts'
import { takeServiceManager } from '../lib/service-manager.ts'
import { StoreError } from '../lib/store/store.ts'
import { startAgent } from './app.ts'
import { CERTS_OPTIONS, CERTS_USAGE, certs } from './certs.ts'
import { checkConfig } from './check-config.ts'
import { type AgentConfig, loadConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { DEBUG_USAGE } from './debug/usage.ts'
import { EXIT } from './exit-codes.ts'
import { judgeKvm, probeKvm } from './host/index.ts'
import { BACKUP_USAGE, backup, restore } from './recovery/backup.ts'
import { REBUILD_USAGE } from './recovery/usage.ts'
import { Supervision } from './supervision.ts'

const DEFAULT_CONFIG = '/etc/berth/agent.yaml'
/** An orderly end takes this long at most; guests do not depend on it. */
const STOP_TIMEOUT_MS = 20_000
/** A host that takes longer to be looked at does not answer. */
const REBUILD_TIMEOUT_MS = 600_000
/** What the agent and its programs make is root's alone; folders may be passed through, as QEMU's own user must. */
const UMASK = 0o066

const USAGE = `berth-agent [--config FILE] [--state-dir DIR]   run the agent (configuration: ${DEFAULT_CONFIG})
berth-agent --check-config [--config FILE]       whether the agent would take the configuration; exit code 2 when not
berth-agent probe-kvm                            measure whether KVM runs guest code; exit code 3 when it does not
${CERTS_USAGE}${BACKUP_USAGE}${REBUILD_USAGE}${DEBUG_USAGE}berth-agent --version
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

export const version = (): string => {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
      if (name === 'berth') return String(version)
    } catch {
      // The other place, then: the built program is one folder deeper.
    }
  }
  return 'unknown'
}

async function main(): Promise<number> {
  if (process.argv.includes('certs')) return certsMain()
  const { values, positionals } = argumentsOf(OPTIONS)
  if (values.help) return print(USAGE)
  if (values.version) return print(`berth-agent ${version()}\n`)
  if (positionals[0] === 'probe-kvm' && positionals.length === 1) return probe()
  const [verb, ...words] = positionals
  if (verb === 'backup') return print(await backup(await configOf(values), words))
  if (verb === 'restore') return print(await restore(await configOf(values), words, systemClock.now()))
  // Only who asks for help needs it: a running agent does without.
  if (verb === 'debug')
    return print(await (await import('./debug/index.ts')).debug(await configOf(values), words, version()))
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

/** @throws ConfigError */
function argumentsOf<T extends NonNullable<ParseArgsConfig['options']>>(options: T) {
  try {
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    throw new ConfigError('command line', messageOf(error))
  }
}

async function configOf(values: { readonly config?: string; readonly 'state-dir'?: string }): Promise<AgentConfig> {
  const loaded = await loadConfig(values.config ?? DEFAULT_CONFIG, values.config === undefined)
  return values['state-dir'] === undefined ? loaded : { ...loaded, stateDir: values['state-dir'] }
}

async function rebuildMain(config: AgentConfig, missing: boolean): Promise<string> {
  // A running agent does without.
  const { rebuild } = await import('./recovery/rebuild.ts')
  const signal = AbortSignal.timeout(REBUILD_TIMEOUT_MS)
  return rebuild({ config, clock: systemClock, version: version(), missing }, signal)
}

async function certsMain(): Promise<number> {
  const { values, positionals } = argumentsOf({ ...OPTIONS, ...CERTS_OPTIONS })
  const [first, ...words] = positionals
  if (first !== 'certs') throw new ConfigError('command line', `unknown argument ${first}\n${USAGE}`)
  if (values.help) return print(CERTS_USAGE)
  return print(await certs(await configOf(values), words, values))
}

async function run(config: AgentConfig): Promise<number> {
  const manager = takeServiceManager(process.env)
  const out = pino.destination(1)
  const log = pino(
    { level: config.log.level, redact: ['headers.authorization', 'token', 'userData'] },
    isJournal(process.env) ? journalStream((line) => out.write(line)) : out,
  )
  let end: (code: number) => void = () => undefined
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'the agent ends on an error that nothing handled')
    end(EXIT.failed)
    // What is stored is stored: a new process is safer than this one.
    setImmediate(() => process.exit(EXIT.failed))
  })
  const onFailed = (error: Error) => {
    log.fatal({ err: error }, 'the agent ends: a new process has to look at what is on disk')
    end(EXIT.failed)
  }
  const agent = await startAgent({ config, log, clock: systemClock, version: version(), onFailed })
  log.info({ version: version(), node: process.version, nodeName: config.nodeName }, 'the agent is up')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(EXIT.ok))
  const supervision = new Supervision({ manager, clock: systemClock, log, ...agent })
  supervision.start()
  const code = await ended
  setTimeout(() => process.exit(EXIT.failed), STOP_TIMEOUT_MS).unref()
  await supervision.stop()
  await agent.stop()
  return code
}

async function probe(): Promise<number> {
  const verdict = judgeKvm(await probeKvm({ clock: systemClock }, AbortSignal.timeout(120_000)))
  print(`${verdict.message}\n`)
  return verdict.usable ? EXIT.ok : EXIT.kvmNotUsable
}

function print(text: string): number {
  process.stdout.write(text)
  return EXIT.ok
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return EXIT.usage
  const hopeless = error instanceof StoreError && (error.trouble === 'damaged' || error.trouble === 'unusable')
  return hopeless ? EXIT.storeUnusable : EXIT.failed
}

try {
  process.exit(await main())
} catch (error) {
  process.stderr.write(`${isJournal(process.env, 2) ? journalPrefix(60) : ''}berth-agent: ${messageOf(error)}\n`)
  process.exit(exitCodeOf(error))
}
