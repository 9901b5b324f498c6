// The program `berth-agent`: what it does when it is told to. Everything of the running agent is in app.ts.
import { systemClock } from '../lib/clock.ts'
import { runCommand } from '../lib/server/command-line.ts'
import { print, readVersion, runProgram, runServer } from '../lib/server/program.ts'
import { startAgent } from './app.ts'
import { checkConfig } from './check-config.ts'
import { type AgentConfig, loadConfig, servedOf } from './config.ts'
import { EXIT } from './exit-codes.ts'
import { judgeKvm, probeKvm } from './host/index.ts'
import { AGENT } from './program.ts'

/** A host that takes longer to be looked at does not answer. */
const REBUILD_TIMEOUT_MS = 600_000
const PROBE_TIMEOUT_MS = 120_000

const version = readVersion()

async function probe(): Promise<number> {
  const verdict = judgeKvm(await probeKvm({ clock: systemClock }, AbortSignal.timeout(PROBE_TIMEOUT_MS)))
  print(`${verdict.message}\n`)
  return verdict.usable ? EXIT.ok : EXIT.kvmNotUsable
}

// What is imported late, a running agent does without.
const main = () =>
  runCommand<AgentConfig>({
    program: AGENT,
    version,
    defaultConfig: '/etc/berth/agent.yaml',
    usage: [
      ['probe-kvm', 'measure whether KVM runs guest code; exit code 3 when it does not'],
      ['--rebuild', 'makes the database anew from what is on the host; the agent must be stopped'],
      ['--rebuild --missing', 'adds what is on the host and not in the database'],
    ],
    verbs: { 'probe-kvm': probe },
    rebuildTakesWords: false,
    load: loadConfig,
    served: servedOf,
    check: checkConfig,
    debug: async (config, words) => (await import('./debug/index.ts')).debug(config, words, version),
    rebuild: async (config, { missing }) => {
      const { rebuild } = await import('./recovery/rebuild.ts')
      const signal = AbortSignal.timeout(REBUILD_TIMEOUT_MS)
      return print(await rebuild({ config, clock: systemClock, version, missing }, signal))
    },
    run: (config) =>
      runServer(AGENT, config.log, { version, nodeName: config.nodeName }, (given) =>
        startAgent({ config, clock: systemClock, version, ...given }),
      ),
  })

await runProgram(AGENT, main)
