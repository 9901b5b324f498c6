// The kubectl programs of this machine, run with a home and a cache of their own.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import type { TestApiServer } from '../../support/api-server.ts'

const SDK = '/usr/lib/google-cloud-sdk/bin'

/** Each `kubectl.1.NN` beside Google's SDK; the one on PATH where there is none. */
export function kubectls(): readonly string[] {
  let names: string[] = []
  try {
    names = readdirSync(SDK).filter((name) => /^kubectl\.1\.\d+$/.test(name))
  } catch {
    // No SDK on this machine.
  }
  return names.length === 0 ? ['kubectl'] : names.sort().map((name) => join(SDK, name))
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export class Kubectl {
  readonly #program: string
  readonly #server: TestApiServer
  readonly #home: string

  constructor(program: string, server: TestApiServer) {
    this.#program = program
    this.#server = server
    this.#home = join(server.folder, `home-${program.replaceAll('/', '_')}`)
  }

  /** Runs to the end, at most 60 s. `input` goes to its standard input. */
  async run(args: readonly string[], input = ''): Promise<Ran> {
    const result = await this.start(args, input)
    return { code: result.exitCode ?? -1, out: String(result.stdout), err: String(result.stderr) }
  }

  /** Runs and must succeed; the output. */
  async ok(args: readonly string[], input = ''): Promise<string> {
    const ran = await this.run(args, input)
    if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${ran.code}\n${ran.out}\n${ran.err}`)
    return ran.out
  }

  start(args: readonly string[], input = '') {
    const common = ['--kubeconfig', this.#server.kubeconfig, '--cache-dir', join(this.#home, 'cache')]
    return execa(this.#program, [...common, ...args], {
      input,
      reject: false,
      timeout: 60_000,
      extendEnv: false,
      env: { HOME: this.#home, PATH: process.env.PATH ?? '/usr/bin:/bin' },
    })
  }
}
