// A command line that asks for something impossible.
import { EXIT } from './exit-codes.ts'

/** The message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Thrown when everything was already told on stderr and only the exit code is left. */
export class Failed extends Error {
  override readonly name = 'Failed'
  readonly exitCode: number

  constructor(exitCode: number = EXIT.failed) {
    super()
    this.exitCode = exitCode
  }
}
