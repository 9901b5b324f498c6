// What the programs `berth-agent` and `berth-scheduler` have in common: arguments, log, signals, exit codes.
import { readFileSync } from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { type Logger, pino } from 'pino'
import { systemClock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { isJournal, journalPrefix, journalStream } from '../journal.ts'
import { takeServiceManager } from '../service-manager.ts'
import { StoreError } from '../store/store.ts'
import type { ServerConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { Supervision, type SupervisionDeps } from './supervision.ts'

/** A server's program, for the words that it says. */
export interface ServerProgram {
  /** `berth-agent` */
  readonly name: string
  /** `the agent` */
  readonly short: string
  /** Said after a restore. */
  readonly afterRestore: string
}

/** How such a program ends; each may have more codes of its own. */
export const SERVER_EXIT = { ok: 0, failed: 1, usage: 2, storeUnusable: 4 } as const

/** An orderly end takes this long at most; guests do not depend on it. */
const STOP_TIMEOUT_MS = 20_000
/** What a server and its programs make is root's alone; folders may be passed through, as QEMU's own user must. */
export const UMASK = 0o066

/** The column in which a line of help says what the command does. */
export const USAGE_COLUMN = 50

/** Lines of help: what to type after the program's name, and what it does. */
export const usageLines = ({ name }: ServerProgram, lines: readonly (readonly [string, string])[]): string =>
  lines.map(([words, does]) => `${`${name} ${words} `.padEnd(USAGE_COLUMN)}${does}\n`).join('')

/** Of the package that this file belongs to. */
export const readVersion = (): string => {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
      if (name === 'berth') return String(version)
    } catch {
      // The other place, then: the built program is one folder deeper.
    }
  }
  return 'unknown'
}

/** @throws ConfigError */
export function argumentsOf<T extends NonNullable<ParseArgsConfig['options']>>(options: T) {
  try {
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    throw new ConfigError('command line', messageOf(error))
  }
}

export function print(text: string): number {
  process.stdout.write(text)
  return SERVER_EXIT.ok
}

export interface RunningServer extends Pick<SupervisionDeps, 'settled' | 'status' | 'ask' | 'meanwhile'> {
  /** Ends everything in order. */
  stop(): Promise<void>
}

/** What a server gets from its program. */
export interface ServerStart {
  readonly log: Logger
  /** The store fails in a way that only a new process can mend. */
  readonly onFailed: (error: Error) => void
}

/**
 * Runs a server until a signal or an error ends it.
 *
 * @param facts for the line that says that it is up
 * @returns the exit code @throws what `start` throws
 */
export async function runServer(
  { short }: ServerProgram,
  { level }: ServerConfig['log'],
  facts: object,
  start: (given: ServerStart) => Promise<RunningServer>,
): Promise<number> {
  const manager = takeServiceManager(process.env)
  const out = pino.destination(1)
  const log = pino(
    { level, redact: ['headers.authorization', 'token', 'userData'] },
    isJournal(process.env) ? journalStream((line) => out.write(line)) : out,
  )
  let end: (code: number) => void = () => undefined
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, `${short} ends on an error that nothing handled`)
    end(SERVER_EXIT.failed)
    // What is stored is stored: a new process is safer than this one.
    setImmediate(() => process.exit(SERVER_EXIT.failed))
  })
  const onFailed = (error: Error) => {
    log.fatal({ err: error }, `${short} ends: a new process has to look at what is on disk`)
    end(SERVER_EXIT.failed)
  }
  const server = await start({ log, onFailed })
  log.info({ node: process.version, ...facts }, `${short} is up`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(SERVER_EXIT.ok))
  const supervision = new Supervision({ manager, clock: systemClock, log, ...server })
  supervision.start()
  const code = await ended
  setTimeout(() => process.exit(SERVER_EXIT.failed), STOP_TIMEOUT_MS).unref()
  await supervision.stop()
  await server.stop()
  return code
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return SERVER_EXIT.usage
  const hopeless = error instanceof StoreError && (error.trouble === 'damaged' || error.trouble === 'unusable')
  return hopeless ? SERVER_EXIT.storeUnusable : SERVER_EXIT.failed
}

/** Runs the program to its end and says in words what ended it. Never returns. */
export async function runProgram({ name }: ServerProgram, main: () => Promise<number>): Promise<never> {
  try {
    process.exit(await main())
  } catch (error) {
    process.stderr.write(`${isJournal(process.env, 2) ? journalPrefix(60) : ''}${name}: ${messageOf(error)}\n`)
    process.exit(exitCodeOf(error))
  }
}
