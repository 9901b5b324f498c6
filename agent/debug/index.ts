// `berth-agent debug`: one file with all that a helper wants to see of this host, and no secret.
import { open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { Client } from '../../lib/client/client.ts'
import { socketTarget } from '../../lib/client/target.ts'
import { systemClock } from '../../lib/clock.ts'
import { ConfigError } from '../../lib/server/config-error.ts'
import type { AgentConfig } from '../config.ts'
import { makeBundle } from './bundle.ts'
import { Secrets } from './redact.ts'
import {
  apiParts,
  configurationPart,
  databasePart,
  domainsPart,
  filesPart,
  journalPart,
  objectsPart,
  qemuLogsPart,
  versionsPart,
} from './sources.ts'
import { DEBUG_USAGE } from './usage.ts'

/** Milliseconds for each part. Ten parts, of which a dead host can make half wait: two minutes at most. */
const DEADLINE_MS = 15_000

/** @returns what to print @throws ConfigError for a wrong command line, Error with words when the file cannot be written */
export async function debug(config: AgentConfig, words: readonly string[], version: string): Promise<string> {
  const [out, ...more] = words
  if (more.length > 0) throw new ConfigError('command line', `unknown argument ${more[0]}\n${DEBUG_USAGE}`)
  const stamp = new Date(systemClock.now()).toISOString().replace(/[-:]|\.\d+/g, '')
  const path = out ?? `berth-debug-${hostname()}-${stamp}.tar.gz`
  // Before the work: a file that is there already is not written over.
  const file = await open(path, 'wx', 0o600)
  const client = new Client(socketTarget(config.socketPath), `berth-agent-debug/${version}`)
  const secrets = new Secrets()
  try {
    const { archive, told } = await makeBundle({
      clock: systemClock,
      secrets,
      deadlineMs: DEADLINE_MS,
      parts: [
        versionsPart(version),
        configurationPart(config),
        objectsPart(client, secrets),
        ...apiParts(client),
        databasePart(config),
        domainsPart(config),
        journalPart(),
        qemuLogsPart(),
        filesPart(config),
      ],
    })
    await file.writeFile(archive)
    return `${told}written to ${path} (${archive.length} bytes). Look into it before you give it away.\n`
  } finally {
    await file.close()
    await client.close()
  }
}
