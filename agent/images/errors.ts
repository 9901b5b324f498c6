// Why an import did not work: whether trying again can help, and words for the object's condition.
import type { Advice } from '../../lib/advice.ts'

/** Whose fault it is, with what an operator reads about it. */
export const IMPORT_FAULTS = {
  transport: {
    means:
      'The network or the server failed: no address, no answer, a broken or stalled download, an answer of the server that may pass. It is tried six times, with growing waits.',
    todo: 'Try the URL with `curl` on the host. `importer.stallTimeoutSeconds` and `importer.totalTimeoutSeconds` bound slow servers.',
  },
  host: {
    means: 'This host failed: no space, a program missing, or programs that cannot be confined. It is tried six times.',
    todo: 'Free space or install what is missing (`berth host check`).',
  },
  refused: {
    means:
      'What was asked for or what came is not acceptable, and is not tried again: a wrong checksum, an address that is not allowed, an answer such as 404, a damaged file, a format that is not known, an image that names other files, is encrypted or larger than `importer.maxVirtualBytes`.',
    todo: 'Mend the source and change `spec`, or create the object again. A server on this host or on a link-local address must be listed in `importer.allow`. An image with a backing file is made whole by `qemu-img convert`, on a machine that has both files.',
  },
} as const satisfies Readonly<Record<string, Advice>>

export type ImportFault = keyof typeof IMPORT_FAULTS

/** Longest message, in characters. */
const MAX_MESSAGE = 1_024

/** Programs and servers quote foreign files in what they say: no line breaks, no escapes of terminals, no turned text. */
function plain(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffd]+/gu, ' ').trim()
  return line.length <= MAX_MESSAGE ? line : `${line.slice(0, MAX_MESSAGE - 1)}…`
}

/** The message is one sentence without a full stop, for an operator; one line of what can be printed. It never holds credentials. */
export class ImportError extends Error {
  override readonly name = 'ImportError'
  readonly fault: ImportFault

  constructor(fault: ImportFault, message: string, options?: ErrorOptions) {
    super(plain(message), options)
    this.fault = fault
  }
}

export const refused = (message: string, options?: ErrorOptions): ImportError =>
  new ImportError('refused', message, options)

export const transport = (message: string, options?: ErrorOptions): ImportError =>
  new ImportError('transport', message, options)

/** True when doing the same again may work. */
export const isRetryable = (error: unknown): boolean => !(error instanceof ImportError) || error.fault !== 'refused'
