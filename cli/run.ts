// Runs one command line and turns its end into an exit code.
import { CommanderError } from 'commander'
import { plainBooleans } from './booleans.ts'
import { EXIT } from './exit-codes.ts'
import { failureLines } from './failure.ts'
import { painter } from './format/colour.ts'
import { type Io, note } from './io.ts'
import { buildProgram } from './program.ts'
import { Failed, UsageError } from './usage.ts'

/** `argv` as in a process: the first two are the interpreter and the script. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const [, , verb, ...words] = argv
  if (verb === '__complete') {
    const { complete } = await import('./completion/complete.ts')
    await complete(words, io)
    return EXIT.done
  }
  const program = buildProgram(io)
  try {
    await program.parseAsync(plainBooleans(program, argv))
    return EXIT.done
  } catch (error) {
    return report(error, io)
  }
}

function report(error: unknown, io: Io): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  if (error instanceof Failed) return error.exitCode
  if (io.signal.aborted) return EXIT.interrupted
  const paint = painter(io, io.stderr)
  const [first = 'failed', ...more] = failureLines(error)
  note(io, [`${paint('red', 'error:')} ${first}`, ...more].join('\n'))
  return error instanceof UsageError ? EXIT.usage : EXIT.failed
}
