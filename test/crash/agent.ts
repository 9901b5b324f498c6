// The agent as tests of crashes run it in the place of berth-agent: the same, and at each named point it looks whether it is to die.
// Takes `--config FILE` alone; orders lie beside that file.
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { startAgent } from '../../agent/app.ts'
import { loadConfig } from '../../agent/config.ts'
import { systemClock } from '../../lib/clock.ts'
import { readVersion } from '../../lib/server/program.ts'
import { memberPoint } from './member-points.ts'
import { Orders } from './orders.ts'
import { filePoint } from './points.ts'
import { Trap } from './trap.ts'
import { watchedPeers, watchedSide } from './watched-moves.ts'
import { WatchedPool } from './watched-pool.ts'

const { values } = parseArgs({ options: { config: { type: 'string' } } })
if (values.config === undefined) throw new Error('--config FILE is missing')
process.umask(0o066)
const trap = new Trap(new Orders(dirname(values.config)), () => process.kill(process.pid, 'SIGKILL'))
const pass = (point: string): void => trap.pass(point)
const config = await loadConfig(values.config, false)
const log = pino({ level: config.log.level })
const agent = await startAgent({
  config,
  log,
  clock: systemClock,
  version: readVersion(),
  onFailed: (error) => {
    log.fatal({ err: error }, 'the agent ends: a new process has to look at what is on disk')
    process.exit(1)
  },
  seams: {
    store: (store) => {
      // Called at once after the commit, before anybody else hears of it.
      store.subscribe((changes) => {
        for (const change of changes) pass(memberPoint(change))
      })
      return store
    },
    libvirt: (options) => new WatchedPool(options, pass),
    onFileStep: (step) => pass(filePoint(step)),
    peers: (peers) => watchedPeers(peers, pass),
    handover: (side) => watchedSide(side, pass),
  },
})
process.once('SIGTERM', () => void agent.stop().finally(() => process.exit(0)))
