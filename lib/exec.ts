// Runs one program to its end: argument list, deadline, cancel, bounded output, optional niceness and limits, errors in words.
// Never a shell. Arguments never show up in errors, for they may name secrets.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { execa } from 'execa'

/** Limits of the kernel on the program (setrlimit); what is left out stays as the agent has it. */
export interface Limits {
  readonly addressSpaceBytes?: number
  /** Seconds of CPU time, over all threads. */
  readonly cpuSeconds?: number
  /** Largest offset that the program may write in a file. */
  readonly fileSizeBytes?: number
  readonly openFiles?: number
  /** Processes and threads that the program's user may have, wherever they run; root is exempt. */
  readonly processes?: number
}

export interface RunOptions {
  /** The program is killed after so long. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Standard output, and standard error, may be so long; more kills the program. 1 MiB by default. */
  readonly maxOutputBytes?: number
  /** 0 to 19: how far other programs go first. */
  readonly nice?: number
  readonly limits?: Limits
  readonly input?: string | Uint8Array
  /** The whole environment but PATH and the C locale, which are always given. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What errors call the program, when `program` is only the way to it. */
  readonly title?: string
}

export interface RunResult {
  readonly stdout: string
  readonly stderr: string
}

/** How a program ended that did not succeed. */
export type ProgramEnd =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'timeout'; readonly afterMs: number }
  | { readonly kind: 'output'; readonly maxBytes: number }
  | { readonly kind: 'not-started' }
  | { readonly kind: 'cancelled' }

/** A program that did not do its work. The message is for an operator: program, end, last lines of standard error. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError'
  readonly program: string
  readonly end: ProgramEnd
  /** The last lines that the program wrote to standard error, at most {@link TAIL_CHARS} characters. */
  readonly stderrTail: string

  constructor(program: string, end: ProgramEnd, stderr: string, options?: ErrorOptions) {
    const tail = stderr.trim().slice(-TAIL_CHARS)
    super(`${program} ${describe(end)}${tail === '' ? '' : `: ${tail}`}`, options)
    this.program = program
    this.end = end
    this.stderrTail = tail
  }
}

const TAIL_CHARS = 500
const DEFAULT_OUTPUT_BYTES = 1_048_576

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function describe(end: ProgramEnd): string {
  switch (end.kind) {
    case 'exit':
      return `failed (exit code ${end.code})`
    case 'signal':
      return `was ended by ${end.signal}`
    case 'timeout':
      return `did not finish within ${Math.round(end.afterMs / 1000)} s`
    case 'output':
      return `wrote more than ${end.maxBytes} bytes`
    case 'not-started':
      return 'could not be started'
    case 'cancelled':
      return 'was cancelled'
  }
}

/** The environment of every program: nothing of the agent's own goes in. */
export const programEnv = (env: RunOptions['env'] = {}): Record<string, string> => ({
  PATH: process.env.PATH ?? PATH,
  LC_ALL: 'C',
  ...env,
})

/** The argument list that runs `program` under limits and niceness (`prlimit`, `nice`). */
export function wrapped(
  program: string,
  args: readonly string[],
  { nice, limits }: Pick<RunOptions, 'nice' | 'limits'>,
): { readonly file: string; readonly args: readonly string[] } {
  const flags = limits === undefined ? [] : limitFlags(limits)
  const limited = flags.length === 0 ? [program, ...args] : ['prlimit', ...flags, '--', program, ...args]
  const [file = program, ...rest] = nice === undefined ? limited : ['nice', '-n', String(nice), ...limited]
  return { file, args: rest }
}

function limitFlags(limits: Limits): string[] {
  const flags: readonly (readonly [string, number | undefined])[] = [
    ['as', limits.addressSpaceBytes],
    ['cpu', limits.cpuSeconds],
    ['fsize', limits.fileSizeBytes],
    ['nofile', limits.openFiles],
    ['nproc', limits.processes],
  ]
  return ['--core=0', ...flags.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]))]
}

/** Runs a program and waits for its end. @throws ProgramError unless it exits with 0 */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const command = wrapped(program, args, options)
  const result = await execa(command.file, command.args, {
    ...common(options),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  })
  if (!result.failed) return { stdout: result.stdout, stderr: result.stderr }
  throw failure(program, result, options)
}

/**
 * Streams `input` through a program and yields what it writes. A fault of the input is thrown as it is; a consumer
 * that stops early ends the program. The output is not bounded: the consumer counts.
 * @throws ProgramError unless the program exits with 0
 */
export async function* filter(
  program: string,
  args: readonly string[],
  input: AsyncIterable<Uint8Array>,
  options: Omit<RunOptions, 'input'>,
): AsyncGenerator<Buffer> {
  const command = wrapped(program, args, options)
  const child = execa(command.file, command.args, {
    ...common(options),
    buffer: { stdout: false, stderr: true },
    encoding: 'buffer',
    stdin: 'pipe',
  })
  let fault: { readonly error: unknown } | null = null
  const fed = pipeline(Readable.from(input), child.stdin).catch((error: unknown) => {
    // A program that ends before its input does says why by its exit code.
    if (isBrokenPipe(error)) return
    fault = { error }
    child.kill('SIGKILL')
  })
  let complete = false
  try {
    for await (const chunk of child.stdout) yield chunk
    complete = true
  } finally {
    if (!complete) child.kill('SIGKILL')
  }
  const result = await child
  if (result.failed) await Promise.race([fed, new Promise(setImmediate)])
  else await fed
  if (fault !== null) throw (fault as { readonly error: unknown }).error
  if (result.failed) throw failure(program, { ...result, stderr: Buffer.from(result.stderr).toString() }, options)
}

const isBrokenPipe = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(error.code))

const common = (options: RunOptions) => ({
  reject: false as const,
  extendEnv: false,
  env: programEnv(options.env),
  timeout: options.timeoutMs,
  killSignal: 'SIGKILL' as const,
  maxBuffer: options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES,
  stripFinalNewline: false as const,
  ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
})

interface Ended {
  readonly stderr?: string
  readonly cause?: unknown
  readonly exitCode?: number
  readonly signal?: string
  readonly timedOut: boolean
  readonly isCanceled: boolean
  readonly isMaxBuffer: boolean
}

const failure = (program: string, ended: Ended, options: RunOptions): ProgramError =>
  new ProgramError(options.title ?? program, endOf(ended, options), ended.stderr ?? '', { cause: ended.cause })

function endOf(result: Ended, options: RunOptions): ProgramEnd {
  if (result.isCanceled) return { kind: 'cancelled' }
  if (result.timedOut) return { kind: 'timeout', afterMs: options.timeoutMs }
  if (result.isMaxBuffer) return { kind: 'output', maxBytes: options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES }
  if (result.signal !== undefined) return { kind: 'signal', signal: result.signal }
  if (result.exitCode !== undefined) return { kind: 'exit', code: result.exitCode }
  return { kind: 'not-started' }
}
