// All that a command touches of its process: streams, environment, time, interruption. Tests give their own.
import type { Readable } from 'node:stream'
import { type Clock, systemClock } from '../lib/clock.ts'

export interface Output {
  /** False when it is full; `drain` tells of room. */
  write(text: string | Uint8Array): unknown
  once?(event: 'drain', listener: () => void): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export type Input = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown }

export interface Io {
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Aborted by SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal
  /** How this program is started again by another one: the file and its first arguments. */
  readonly self: readonly string[]
}

/** The process's own streams. */
export const processIo = (signal: AbortSignal): Io => ({
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: systemClock,
  signal,
  self: [process.execPath, ...process.execArgv, ...process.argv.slice(1, 2)],
})

/** For what goes on until somebody ends it. */
export const untilInterrupted = ({ signal }: Pick<Io, 'signal'>): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

export const print = (io: Io, text: string): void => {
  io.stdout.write(`${text}\n`)
}

export const note = (io: Io, text: string): void => {
  io.stderr.write(`${text}\n`)
}
