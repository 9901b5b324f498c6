// The program `berth-scheduler`: what it does when it is told to. Everything of the running scheduler is in app.ts.
import { systemClock } from '../lib/clock.ts'
import { checkServerConfig } from '../lib/server/check-config.ts'
import { runCommand } from '../lib/server/command-line.ts'
import { print, readVersion, runProgram, runServer } from '../lib/server/program.ts'
import { startScheduler } from './app.ts'
import { loadConfig, type SchedulerConfig, servedOf } from './config.ts'
import { EXIT } from './exit-codes.ts'
import { SCHEDULER } from './program.ts'

const version = readVersion()

// What is imported late, a running scheduler does without.
const main = () =>
  runCommand<SchedulerConfig>({
    program: SCHEDULER,
    version,
    defaultConfig: '/etc/berth/scheduler.yaml',
    usage: [
      ['--rebuild [--missing] NODE=URL...', 'make a lost database anew from what hosts have; --missing adds to one'],
    ],
    rebuildTakesWords: true,
    load: loadConfig,
    served: servedOf,
    check: (config) => checkServerConfig(servedOf(config)),
    debug: async (config, words) => (await import('./debug/index.ts')).debug(config, words, version),
    rebuild: async (config, { words, missing }) => {
      const { rebuild } = await import('./recovery/rebuild.ts')
      const { text, complete } = await rebuild({ config, clock: systemClock, version, hosts: words, missing })
      print(text)
      return complete ? EXIT.ok : EXIT.notAllRecovered
    },
    run: (config) =>
      runServer(SCHEDULER, config.log, { version }, (given) =>
        startScheduler({ config, clock: systemClock, version, ...given }),
      ),
  })

await runProgram(SCHEDULER, main)
