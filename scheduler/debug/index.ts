// `berth-scheduler debug`: what every server shows. Fencing commands have passwords among their arguments: only the programs are named.
import { debug as debugServer } from '../../lib/server/debug/debug.ts'
import type { Secrets } from '../../lib/server/debug/redact.ts'
import type { SchedulerConfig } from '../config.ts'
import { SCHEDULER } from '../program.ts'

/** @returns what to print @throws as the server's bundle */
export const debug = (config: SchedulerConfig, words: readonly string[], version: string): Promise<string> =>
  debugServer({ program: SCHEDULER, config, version, shown: (secrets) => shownConfig(config, secrets) }, words)

/** The configuration without the arguments of fencing commands, which are told to `secrets`. */
export function shownConfig(config: SchedulerConfig, secrets: Secrets): SchedulerConfig {
  const { command, nodes, ...rest } = config.failover.fencing
  const shown = ([program = '', ...args]: readonly string[]): string[] => {
    for (const arg of args) learnArgument(arg, secrets)
    return [program, ...(args.length === 0 ? [] : [`(${args.length} arguments left out)`])]
  }
  const fencing = {
    ...rest,
    ...(command === undefined ? {} : { command: shown(command) }),
    nodes: Object.fromEntries(Object.entries(nodes).map(([node, words]) => [node, shown(words)])),
  }
  return { ...config, failover: { ...config.failover, fencing } }
}

/** Options are no secrets, their values may be; the host's name is filled in later. */
function learnArgument(arg: string, secrets: Secrets): void {
  const value = arg.startsWith('-') ? arg.slice(arg.indexOf('=') + 1 || arg.length) : arg
  for (const part of value.split('{node}')) secrets.learn(part)
}
