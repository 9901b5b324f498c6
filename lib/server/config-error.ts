// What keeps the agent from starting because of its configuration or command line.
import type { Advice } from '../advice.ts'

/** What can be wrong with a command line or configuration, by the words that are shown, with what an operator reads about it. */
export const CONFIG_FAULTS = {
  'KEY: unknown key': {
    means: 'The file has a key that does not exist; a part of the path is given with it (`importer.alow`).',
    todo: 'Correct or remove it: [configuration.md](configuration.md) has all keys.',
  },
  'KEY: …': {
    means:
      'The value is not of the type, form or range that the key has, or is a subnet, port or size that cannot be used.',
    todo: 'See the key in [configuration.md](configuration.md).',
  },
  'the configuration is not a mapping': {
    means: 'The file is a list or a bare value.',
    todo: 'Write `key: value` lines.',
  },
  'not YAML': {
    means: 'The file is not valid YAML; the message has line and column.',
    todo: 'Mend that line; mind the indentation.',
  },
  'cannot read FILE': {
    means: 'The file of `--config` is missing, or may not be read. Without `--config` a missing file means defaults.',
    todo: 'Check path and rights.',
  },
  'certificate files': {
    means:
      'A file of `tls` cannot be read, is no PEM, or certificate and key do not belong together; the message says which.',
    todo: 'Correct the path or the file; `--check-config` tries it without a start.',
  },
  'command line': { means: 'An argument is unknown, missing or not of its form.', todo: 'See `--help`.' },
} as const satisfies Readonly<Record<string, Advice>>

export type ConfigFault = keyof typeof CONFIG_FAULTS

/** A configuration or command line that can't be used; the message names each key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly fault: ConfigFault

  constructor(fault: ConfigFault, message: string) {
    super(message)
    this.fault = fault
  }
}
