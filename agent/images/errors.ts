// Why an import did not work: whether trying again can help, and words for the object's condition.

/**
 * `transport`: the network or the server failed, a later try may work.
 * `host`: this host failed (disk full, a program missing), a later try may work.
 * `refused`: what was asked for or what came is not acceptable; only a new spec can mend it.
 */
export type ImportFault = 'transport' | 'host' | 'refused'

/** The message is one sentence without a full stop, for an operator. It never holds credentials. */
export class ImportError extends Error {
  override readonly name = 'ImportError'
  readonly fault: ImportFault

  constructor(fault: ImportFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
  }
}

export const refused = (message: string, options?: ErrorOptions): ImportError =>
  new ImportError('refused', message, options)

export const transport = (message: string, options?: ErrorOptions): ImportError =>
  new ImportError('transport', message, options)

/** True when doing the same again may work. */
export const isRetryable = (error: unknown): boolean => !(error instanceof ImportError) || error.fault !== 'refused'
