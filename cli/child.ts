// Another program in the foreground: it has this one's terminal, and its end is ours.
import { spawn } from 'node:child_process'
import { constants as modes } from 'node:fs'
import { access } from 'node:fs/promises'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Io } from './io.ts'

export interface Child {
  readonly file: string
  readonly args: readonly string[]
  /** False when it is not to read what is typed here. */
  readonly reads: boolean
}

/** A shell's way to tell which signal ended a program. */
const SIGNAL_BASE = 128

/**
 * Its exit code. An interrupted command asks the program to end, and waits for it.
 * @throws Error with words when it cannot be started
 */
export function runChild({ env, signal }: Pick<Io, 'env' | 'signal'>, { file, args, reads }: Child): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: [reads ? 'inherit' : 'ignore', 'inherit', 'inherit'] })
    const stop = () => void child.kill('SIGTERM')
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    child.once('error', (cause: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', stop)
      const why = cause.code === 'ENOENT' ? 'it is not installed' : cause.message
      reject(new Error(`${file} cannot be started: ${why}`, { cause }))
    })
    child.once('close', (code, ended) => {
      signal.removeEventListener('abort', stop)
      resolve(code ?? SIGNAL_BASE + (ended === null ? 0 : constants.signals[ended]))
    })
  })
}

/** The first of these programs that PATH has; null when it has none. */
export async function findProgram({ env }: Pick<Io, 'env'>, names: readonly string[]): Promise<string | null> {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  for (const name of names)
    for (const folder of folders) {
      const there = await access(join(folder, name), modes.X_OK).then(
        () => true,
        () => false,
      )
      if (there) return name
    }
  return null
}
