// `berth-agent debug`: what every server shows, and the host below it.
import { debug as debugServer } from '../../lib/server/debug/debug.ts'
import type { AgentConfig } from '../config.ts'
import { AGENT } from '../program.ts'
import { domainsPart, hostCheckPart, qemuLogsPart } from './sources.ts'

/** @returns what to print @throws as the server's bundle */
export const debug = (config: AgentConfig, words: readonly string[], version: string): Promise<string> =>
  debugServer(
    {
      program: AGENT,
      config,
      version,
      further: (client) => [hostCheckPart(client), domainsPart(config), qemuLogsPart()],
    },
    words,
  )
