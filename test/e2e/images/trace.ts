// Runs a program under strace and reads what it and all its children did with files and the network.
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** A path that does not exist. Whoever is traced looks at it when its preparations are over. */
export const TRACE_FROM = '/berth-trace-from-here'

/** One system call that went well. */
export interface Call {
  readonly name: string
  /** As strace prints it. */
  readonly text: string
  /** Path on the host of the descriptor that it returned; '' when it returned none. */
  readonly opened: string
  /** By a process whose root folder is a room. */
  readonly jailed: boolean
}

export interface Traced {
  readonly stdout: string
  /** In no order among processes. */
  readonly calls: readonly Call[]
  /** Calls that failed. */
  readonly failed: readonly Omit<Call, 'opened'>[]
}

const ARGS = ['-ff', '-y', '--seccomp-bpf', '-ttt', '-s', '4096', '-e', 'trace=%file,%network', '-e', 'signal=none']
const LINE = /^(\d+\.\d+) (\w+)\((.*)\)\s+= (-?\d+|\?)(?:<(.*?)>)?( E[A-Z]+)?/

/** @param folder must not exist @param jail folder below which the rooms are */
export async function traced(folder: string, jail: string, command: readonly string[]): Promise<Traced> {
  await mkdir(folder)
  const { stdout } = await exec('strace', [...ARGS, '-o', join(folder, 'of'), ...command], { maxBuffer: 1 << 26 })
  const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')))
  const from = Math.min(
    ...texts.map((text) => Number(new RegExp(`^(\\S+) .*"${TRACE_FROM}"`, 'm').exec(text)?.[1] ?? Infinity)),
  )
  if (from === Infinity) throw new Error('the trace does not show where it begins')
  const calls: Call[] = []
  const failed: Omit<Call, 'opened'>[] = []
  for (const text of texts) {
    let jailed = false
    for (const line of text.split('\n')) {
      const [, at, name = '', args = '', result = '', opened = '', error] = LINE.exec(line) ?? []
      if (at === undefined || Number(at) <= from) continue
      if (name === 'chroot' && result === '0') jailed = true
      if (args.startsWith(`AT_FDCWD<${jail}/`)) jailed = true
      // A connection under way is one.
      if (result === '-1' && error !== ' EINPROGRESS') failed.push({ name, text: `${name}(${args})`, jailed })
      else calls.push({ name, text: `${name}(${args})`, opened, jailed })
    }
  }
  return { stdout, calls, failed }
}
