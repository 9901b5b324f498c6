// Log lines for systemd's journal: the level in front as sd-daemon(3) has it, so that `journalctl -p warning` finds them.
import { fstatSync } from 'node:fs'

/** Whether this file descriptor is the journal's stream that the service manager named in the environment (systemd.exec(5)). */
export function isJournal(env: Readonly<Record<string, string | undefined>>, fd = 1): boolean {
  if (env.JOURNAL_STREAM === undefined) return false
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return env.JOURNAL_STREAM === `${dev}:${ino}`
  } catch {
    return false
  }
}

/** `<3>` for an error, and so on. @param level pino's: 10 trace to 60 fatal */
export function journalPrefix(level: number): string {
  if (level >= 60) return '<2>'
  if (level >= 50) return '<3>'
  if (level >= 40) return '<4>'
  return level >= 30 ? '<6>' : '<7>'
}

/** Where pino writes to so that each line has its level in front. */
export interface JournalStream {
  /** pino sets it before each line. */
  lastLevel: number
  write(line: string): void
}

/** @param write takes whole lines, in order */
export function journalStream(write: (line: string) => void): JournalStream {
  const stream: JournalStream = {
    lastLevel: 30,
    write: (line) => write(`${journalPrefix(stream.lastLevel)}${line}`),
  }
  // pino's sign for a stream that wants to know the level of each line.
  return Object.assign(stream, { [Symbol.for('pino.metadata')]: true })
}
