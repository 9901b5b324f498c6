// A command line that asks for something impossible: exit code 2.

/** The message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Thrown when everything was already told on stderr and only the exit code is left. */
export class Failed extends Error {
  override readonly name = 'Failed'
  readonly exitCode: number

  constructor(exitCode = 1) {
    super()
    this.exitCode = exitCode
  }
}
