// The scheduler as tests of crashes run it in the place of berth-scheduler: the same, and at each named point it looks whether it is to die.
// Takes `--config FILE` alone; orders lie beside that file.
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { systemClock } from '../../lib/clock.ts'
import { readVersion } from '../../lib/server/program.ts'
import { startScheduler } from '../../scheduler/app.ts'
import { loadConfig } from '../../scheduler/config.ts'
import { Orders } from './orders.ts'
import { authorityPoint, fencePoint, schedulerPoint } from './scheduler-points.ts'
import { Trap } from './trap.ts'

const { values } = parseArgs({ options: { config: { type: 'string' } } })
if (values.config === undefined) throw new Error('--config FILE is missing')
process.umask(0o066)
const trap = new Trap(new Orders(dirname(values.config)), () => process.kill(process.pid, 'SIGKILL'))
const pass = (point: string): void => trap.pass(point)
const config = await loadConfig(values.config, false)
const log = pino({ level: config.log.level })
const scheduler = await startScheduler({
  config,
  log,
  clock: systemClock,
  version: readVersion(),
  onFailed: (error) => {
    log.fatal({ err: error }, 'the scheduler ends: a new process has to look at what is on disk')
    process.exit(1)
  },
  seams: {
    store: (store) => {
      // Called at once after the commit, before anybody else hears of it.
      store.subscribe((changes) => {
        for (const change of changes) pass(schedulerPoint(change))
      })
      return store
    },
    fence: (configured) => ({
      has: (node) => configured.has(node),
      fence: async (node, signal) => {
        const ending = configured.fence(node, signal)
        pass(fencePoint('begun'))
        const said = await ending
        pass(fencePoint('ended'))
        return said
      },
    }),
    onAuthorityStep: (step) => pass(authorityPoint(step)),
  },
})
process.once('SIGTERM', () => void scheduler.stop().finally(() => process.exit(0)))
