// What an operator reads about each thing that keeps a store from its work; the log has its name in `trouble`.
import type { Advice } from '../advice.ts'
import type { Trouble } from './store.ts'

export const TROUBLE_ADVICE: Readonly<Record<Trouble, Advice>> = {
  full: {
    means: 'No space is left for the database. Reads go on; every write is answered with 503.',
    todo: 'Free some space. The agent notices within seconds, and looks at everything again.',
  },
  'read-only': {
    means:
      'The file system takes no writes: mounted so, or made so by the kernel after an error of the disk. Reads go on; writes are answered with 503.',
    todo: 'Read the kernel log. After a repair and remount start the agent again.',
  },
  damaged: {
    means:
      'What is in the database cannot be believed, or the database is gone. A running agent stores nothing more, answers writes with 500 and goes on reading; at start the agent ends with code 4.',
    todo: 'Stop the agent, keep a copy of the file, then restore a backup or rebuild: [backup.md](backup.md).',
  },
  io: {
    means: 'The database could not be read or written. The agent tries again each second.',
    todo: 'Read the kernel log; look at disk, folder and rights.',
  },
  unsynced: {
    means: 'The disk refused to confirm what was written. The agent ends, so that a new one sees what is really there.',
    todo: 'Read the kernel log; the disk fails or is away.',
  },
  busy: {
    means: 'Another process has the database.',
    todo: 'Stop the other agent, or give this one its own `stateDir`.',
  },
  unusable: {
    means: 'The database is whole, but of another program, of a newer version, or its key is missing or wrong.',
    todo: 'The message says which: run that version, or put the right key in its place ([backup.md](backup.md)).',
  },
  closed: { means: 'The agent is stopping.' },
}
