import { closeSync, fstatSync, openSync } from 'node:fs'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { isJournal, journalStream } from '../../../lib/journal.ts'

describe('log lines for the journal', () => {
  it('have the level in front, as JSON after it', () => {
    const lines: string[] = []
    const log = pino(
      { level: 'debug' },
      journalStream((line) => lines.push(line)),
    )
    log.debug('a')
    log.info('b')
    log.warn('c')
    log.error('d')
    log.child({ part: 'x' }).fatal('e')
    expect(lines.map((line) => line.slice(0, 3))).toEqual(['<7>', '<6>', '<4>', '<3>', '<2>'])
    expect(lines.map((line) => JSON.parse(line.slice(3)).msg)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('are written only where the descriptor is the stream that was named', () => {
    const fd = openSync('/dev/null', 'w')
    const { dev, ino } = fstatSync(fd)
    expect(isJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, fd)).toBe(true)
    expect(isJournal({ JOURNAL_STREAM: `${dev}:${ino + 1}` }, fd)).toBe(false)
    expect(isJournal({}, fd)).toBe(false)
    closeSync(fd)
    expect(isJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, fd)).toBe(false)
  })
})
