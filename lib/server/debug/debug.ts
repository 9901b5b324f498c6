// `PROGRAM debug`: one file with all that a helper wants to see of a server, and no secret.
import { open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { Client } from '../../client/client.ts'
import { socketTarget } from '../../client/target.ts'
import { systemClock } from '../../clock.ts'
import type { ServerConfig } from '../config.ts'
import { ConfigError } from '../config-error.ts'
import type { ServerProgram } from '../program.ts'
import { makeBundle, type Part } from './bundle.ts'
import {
  apiParts,
  configurationPart,
  databasePart,
  filesPart,
  journalPart,
  objectsPart,
  versionsPart,
} from './parts.ts'
import { Secrets } from './redact.ts'
import { debugUsage } from './usage.ts'

/** Milliseconds for each part. A dozen parts, of which a dead host can make half wait: two minutes at most. */
const DEADLINE_MS = 15_000

export interface DebugOptions {
  readonly program: ServerProgram
  readonly config: ServerConfig
  readonly version: string
  /** The configuration as the bundle shows it; what is left out is told to `secrets`. */
  readonly shown?: (secrets: Secrets) => object
  /** What only this server has. */
  readonly further?: (client: Client) => readonly Part[]
}

/** @returns what to print @throws ConfigError for a wrong command line, Error with words when the file cannot be written */
export async function debug(options: DebugOptions, words: readonly string[]): Promise<string> {
  const { program, config, version, shown, further } = options
  const [out, ...more] = words
  if (more.length > 0) throw new ConfigError('command line', `unknown argument ${more[0]}\n${debugUsage(program)}`)
  const stamp = new Date(systemClock.now()).toISOString().replace(/[-:]|\.\d+/g, '')
  const path = out ?? `${program.name}-debug-${hostname()}-${stamp}.tar.gz`
  // Before the work: a file that is there already is not written over.
  const file = await open(path, 'wx', 0o600)
  const client = new Client(socketTarget(config.socketPath), `${program.name}-debug/${version}`)
  const secrets = new Secrets()
  try {
    const { archive, told } = await makeBundle({
      clock: systemClock,
      secrets,
      deadlineMs: DEADLINE_MS,
      parts: [
        versionsPart(version),
        configurationPart(shown?.(secrets) ?? config),
        objectsPart(client, secrets),
        ...apiParts(client),
        databasePart(config),
        journalPart(program),
        filesPart(config),
        ...(further?.(client) ?? []),
      ],
    })
    await file.writeFile(archive)
    return `${told}written to ${path} (${archive.length} bytes). Look into it before you give it away.\n`
  } finally {
    await file.close()
    await client.close()
  }
}
