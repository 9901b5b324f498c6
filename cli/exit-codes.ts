// How the command `berth` ends.
import type { Advice } from '../lib/advice.ts'

export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** What an operator reads about each. */
export const EXIT_ADVICE: Readonly<Record<keyof typeof EXIT, Advice>> = {
  done: { means: 'Done.' },
  failed: {
    means:
      'The server refused, nobody answered, or (of several objects) one failed; stderr says which. A failed `berth host check` ends so as well.',
    todo: 'See [errors of the API](#errors-of-the-api).',
  },
  usage: { means: 'The command line is wrong.', todo: '`berth COMMAND --help`.' },
  interrupted: { means: 'Interrupted by a signal. `berth ssh` and `berth scp` end as OpenSSH does.' },
}
