// The built command `berth` as a process, against a host of a lab or from inside of it.
import { once } from 'node:events'
import { join } from 'node:path'
import { execa } from 'execa'
import type { LabHost } from './lab-host.ts'
import { ROOT } from './lab-place.ts'
import { waitFor } from './wait.ts'

export const BERTH = join(ROOT, 'bin/berth')
const COMMAND_MS = 60_000
const TERM_MS = 10_000

export interface BerthRan {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface BerthOptions {
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly namespace?: string
}

const start = (host: LabHost, args: readonly string[], { input, env, namespace }: BerthOptions) =>
  execa(process.execPath, [BERTH, ...(namespace === undefined ? [] : ['-n', namespace]), ...args], {
    env: { BERTH_SOCKET: host.socket, NO_COLOR: '1', ...env },
    reject: false,
    timeout: COMMAND_MS,
    stripFinalNewline: false,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  })

/** Runs a command to its end. */
export async function berth(host: LabHost, args: readonly string[], options: BerthOptions = {}): Promise<BerthRan> {
  const { exitCode, stdout, stderr } = await start(host, args, options)
  return { code: exitCode ?? -1, out: stdout, err: stderr }
}

/** A command that goes on until it is ended. */
export class GoingBerth {
  readonly #process: ReturnType<typeof start>
  out = ''
  err = ''

  constructor(host: LabHost, args: readonly string[], options: BerthOptions = {}) {
    this.#process = start(host, args, options)
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.out += chunk.toString()
    })
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.err += chunk.toString()
    })
  }

  /** Waits for what it prints. */
  async says(pattern: RegExp, seconds = 30): Promise<RegExpExecArray> {
    return await waitFor(
      `${pattern} from berth`,
      seconds,
      () => pattern.exec(this.out),
      () => `${this.out}${this.err}`,
    )
  }

  /** SIGINT, and its exit code. */
  async interrupt(): Promise<number> {
    this.#process.kill('SIGINT')
    const late = setTimeout(() => this.#process.kill('SIGKILL'), TERM_MS)
    const { exitCode } = await this.#process
    clearTimeout(late)
    return exitCode ?? -1
  }
}

/** Resolves with what comes until `size` bytes are there. */
export async function readBytes(source: NodeJS.ReadableStream, size: number): Promise<Buffer> {
  let all = Buffer.alloc(0)
  while (all.length < size) {
    const [chunk] = (await once(source, 'data')) as [Buffer]
    all = Buffer.concat([all, chunk])
  }
  return all
}
