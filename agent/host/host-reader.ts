/** How this folder reads the host: small files, folders, programs, free space. One object, so that tests give another. */
import { constants } from 'node:fs'
import { access, open, readdir, statfs } from 'node:fs/promises'
import { execa } from 'execa'

export interface HostReader {
  /** Text of a file, its first 64 KiB; `undefined` when it cannot be read. */
  readText(path: string): Promise<string | undefined>
  /** Names in a folder; none when it is not there. */
  list(path: string): Promise<readonly string[]>
  exists(path: string): Promise<boolean>
  /** Runs a program for its output. Never rejects but for an aborted signal. */
  run(program: string, args: readonly string[], signal: AbortSignal): Promise<ProgramResult>
  /** Space of the file system that holds the path, as an ordinary user may use it. */
  space(path: string): Promise<{ readonly freeBytes: bigint; readonly totalBytes: bigint }>
}

export type ProgramResult =
  | { readonly ok: true; readonly stdout: string }
  /** `missing` when there is no such program. */
  | { readonly ok: false; readonly missing: boolean; readonly reason: string }

const MAX_BYTES = 65_536
const TIMEOUT_MS = 5_000

export const systemHost: HostReader = {
  readText,
  run,
  list: (path) => readdir(path).catch(() => []),
  exists: (path) => access(path, constants.F_OK).then(yes, no),
  space: async (path) => {
    const { bavail, blocks, bsize } = await statfs(path, { bigint: true })
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  },
}

const yes = (): boolean => true
const no = (): boolean => false

/** Files of /proc and /sys have no size, so the bound is on what is read. */
async function readText(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch {
    return undefined
  }
}

async function run(program: string, args: readonly string[], signal: AbortSignal): Promise<ProgramResult> {
  const ended = await execa(program, args, {
    cancelSignal: signal,
    timeout: TIMEOUT_MS,
    stdin: 'ignore',
    maxBuffer: MAX_BYTES,
    reject: false,
    env: { LC_ALL: 'C' },
  })
  signal.throwIfAborted()
  if (!ended.failed) return { ok: true, stdout: ended.stdout ?? '' }
  return { ok: false, missing: ended.code === 'ENOENT', reason: ended.shortMessage ?? `${program} failed` }
}
