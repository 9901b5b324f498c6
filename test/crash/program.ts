// What the programs of tests of crashes have in common: `--config FILE` alone, orders beside that file, and a look at each named point whether
// to die.
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { type Logger, pino } from 'pino'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { readVersion } from '../../lib/server/program.ts'
import type { Change, Store } from '../../lib/store/store.ts'
import { Orders } from './orders.ts'
import { Trap } from './trap.ts'

/** What a server takes to start, but for its seams. */
interface Base<C> {
  readonly config: C
  readonly log: Logger
  readonly clock: Clock
  readonly version: string
  readonly onFailed: (error: unknown) => void
}

/**
 * Starts the server `name` and stops it at SIGTERM.
 * @param load reads the configuration
 * @param start `pass` tells that a named point is passed
 */
export async function runToDie<C extends { readonly log: { readonly level: string } }>(
  name: string,
  load: (file: string) => Promise<C>,
  start: (base: Base<C>, pass: (point: string) => void) => Promise<{ stop(): Promise<void> }>,
): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } })
  if (values.config === undefined) throw new Error('--config FILE is missing')
  process.umask(0o066)
  const trap = new Trap(new Orders(dirname(values.config)), () => process.kill(process.pid, 'SIGKILL'))
  const config = await load(values.config)
  const log = pino({ level: config.log.level })
  const onFailed = (error: unknown) => {
    log.fatal({ err: error }, `the ${name} ends: a new process has to look at what is on disk`)
    process.exit(1)
  }
  const base = { config, log, clock: systemClock, version: readVersion(), onFailed }
  const server = await start(base, (point) => trap.pass(point))
  process.once('SIGTERM', () => void server.stop().finally(() => process.exit(0)))
}

/** A seam of the store: each change passes a point at once after its commit, before anybody else hears of it. */
export const passingStore = (pass: (point: string) => void, pointOf: (change: Change) => string) => (store: Store) => {
  store.subscribe((changes) => {
    for (const change of changes) pass(pointOf(change))
  })
  return store
}
