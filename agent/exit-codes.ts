// How the program `berth-agent` ends.
import type { Advice } from '../lib/advice.ts'

export const EXIT = { ok: 0, failed: 1, usage: 2, kvmNotUsable: 3, storeUnusable: 4 } as const

/** What an operator reads about each. */
export const EXIT_ADVICE: Readonly<Record<keyof typeof EXIT, Advice>> = {
  ok: { means: 'Stopped as asked, or the command is done. Guests run on.' },
  failed: {
    means:
      'It could not start (an address, a certificate or the socket of libvirt is not usable, another agent has the database), met an error that nothing handled, or did not stop in 20 s. Guests run on, and what was acknowledged is stored.',
    todo: 'Read the last lines of its log: they say what to do. systemd starts it again.',
  },
  usage: {
    means: 'The command line or the configuration is wrong.',
    todo: 'See [configuration errors](#configuration-errors). Starting it again does not help.',
  },
  kvmNotUsable: { means: '`berth-agent probe-kvm` found that KVM does not run guest code, or slower than emulation.' },
  storeUnusable: {
    means:
      'The database is damaged, gone, of a newer version or of another program, or the key of its Secrets is missing or wrong. Guests run on.',
    todo: 'Read the last line of its log, then [backup.md](backup.md). Starting it again does not help.',
  },
}
