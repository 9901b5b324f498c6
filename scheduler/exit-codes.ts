// How the program `berth-scheduler` ends.
import type { Advice } from '../lib/advice.ts'
import { SERVER_EXIT } from '../lib/server/program.ts'

export const EXIT = { ...SERVER_EXIT, notAllRecovered: 5 } as const

/** What an operator reads about each. */
export const EXIT_ADVICE: Readonly<Record<keyof typeof EXIT, Advice>> = {
  ok: { means: 'Stopped as asked, or the command is done. Hosts and guests go on.' },
  failed: {
    means:
      'It could not start (an address or a certificate is not usable, another scheduler has the database), met an error that nothing handled, or did not stop in 20 s. Hosts and guests go on, and what was acknowledged is stored.',
    todo: 'Read the last lines of its log: they say what to do. systemd starts it again.',
  },
  usage: {
    means: 'The command line or the configuration is wrong.',
    todo: 'See [configuration errors](#configuration-errors). Starting it again does not help.',
  },
  storeUnusable: {
    means:
      'The database is damaged, gone, of a newer version or of another program, or the key of its Secrets is missing or wrong. Hosts and guests go on.',
    todo: 'Read the last line of its log, then [backup.md](backup.md). Starting it again does not help.',
  },
  notAllRecovered: {
    means:
      '`--rebuild` has made or completed the database, and something that hosts have could not be taken up: it is listed under "Not recovered". What is not listed is there.',
    todo: 'Read the list: each line says why. The scheduler can be started; what it does not know stays on its host, runs on, and is told as `Orphaned`. After mending the cause, `--rebuild --missing` with the same hosts takes up the rest.',
  },
}
