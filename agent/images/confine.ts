// Runs `qemu-img` and `xz` on foreign files so that they reach nothing else: a root folder that holds the program, its
// libraries and the job's files only, an unprivileged user, no network, no other processes, limits of the kernel.
//
// util-linux does it (unshare, setpriv, prlimit, choom: an essential package), so that it works with and without systemd.
// Each job has a folder of its own, its room; the programs in it are hard links to one copy per agent.
import { access, chmod, chown, copyFile, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { filter, ProgramError, type RunOptions, type RunResult, run } from '../../lib/exec.ts'
import { ImportError } from './errors.ts'

export type ConfinedProgram = 'qemu-img' | 'xz'

/** A job's private folder. `work` is inside it; the programs see it as `/work`. */
export interface Room {
  /** Absolute path of the folder of files, on the host. */
  readonly work: string
  run(program: ConfinedProgram, args: readonly string[], options: RunOptions): Promise<RunResult>
  filter(
    program: ConfinedProgram,
    args: readonly string[],
    input: AsyncIterable<Uint8Array>,
    options: RunOptions,
  ): AsyncIterable<Buffer>
  /** Makes an empty file in `work` that the programs may write, and returns its path on the host. */
  output(name: string): Promise<string>
  /** Lets the programs read a file in `work`. */
  readable(name: string): Promise<void>
}

type Programs = Readonly<Record<ConfinedProgram, string>>

const SETPRIV = '/usr/bin/setpriv'
const PROGRAMS: Programs = { 'qemu-img': '/usr/bin/qemu-img', xz: '/usr/bin/xz' }

/** What a job does not ask for it may not have: no byte in any file, and no more than 16 imports with their threads need. */
const LIMITS = { fileSizeBytes: 0, processes: 512 } as const
/** Where memory runs out, a job on foreign data goes first, before any guest (proc_pid_oom_score_adj(5): 1000 is the most). */
const FIRST_TO_GO = '1000'

/** The user for this purpose when the host has it, else nobody. */
const USERS = ['berth-img', 'nobody']
const LDD_TIMEOUT_MS = 10_000

interface User {
  readonly uid: number
  readonly gid: number
}

export class Confinement {
  readonly #base: string
  readonly #programs: Programs
  #prepared: Promise<Prepared> | undefined

  /**
   * @param base folder for the one copy of the programs; on the same file system as every room
   * @param programs paths on the host; tests put programs there that try to get out
   */
  constructor(base: string, programs: Programs = PROGRAMS) {
    this.#base = base
    this.#programs = programs
  }

  /** Makes a room in `dir`, which must not exist. The caller removes the folder. */
  async room(dir: string): Promise<Room> {
    this.#prepared ??= prepare(this.#base, [SETPRIV, ...Object.values(this.#programs)])
    const prepared = await this.#prepared.catch((error: unknown) => {
      this.#prepared = undefined
      throw error
    })
    await mkdir(dir, { mode: 0o755 })
    await makeRoot(dir, this.#base, prepared.files)
    return new LinkedRoom(dir, prepared.user, this.#programs)
  }
}

interface Prepared {
  readonly user: User
  /** Absolute paths as the programs see them. */
  readonly files: readonly string[]
}

/** Copies the programs with their libraries: a later upgrade of the host's packages can't tear them apart. */
async function prepare(base: string, programs: readonly string[]): Promise<Prepared> {
  const files = [...new Set((await Promise.all(programs.map(withLibraries))).flat())]
  await rm(base, { recursive: true, force: true })
  for (const file of files) {
    const copy = join(base, file)
    await mkdir(dirname(copy), { recursive: true, mode: 0o755 })
    await copyFile(file, copy)
    await chmod(copy, 0o555)
  }
  return { user: await findUser(), files }
}

async function withLibraries(program: string): Promise<string[]> {
  await access(program).catch((cause) => {
    throw new ImportError('host', `${program} is not installed on this host`, { cause })
  })
  const { stdout } = await run('ldd', [program], { timeoutMs: LDD_TIMEOUT_MS }).catch((error: unknown) => {
    // It fails over a program that needs none.
    if (error instanceof ProgramError && /not a dynamic executable/.test(error.stderrTail)) return { stdout: '' }
    throw error
  })
  return [program, ...parseLdd(stdout)]
}

/** Paths in the output of `ldd`: `name => /path (0x…)` and `/path (0x…)`. */
export const parseLdd = (text: string): string[] =>
  text.split('\n').flatMap((line) => /(?:^|=>)\s*(\/\S+) \(0x/.exec(line)?.[1] ?? [])

async function findUser(): Promise<User> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of USERS) {
    const [, , uid, gid] = lines.find(([user]) => user === name) ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(`the host has neither of the users ${USERS.join(' and ')} to run qemu-img as`)
}

async function makeRoot(root: string, base: string, files: readonly string[]): Promise<void> {
  for (const folder of ['work', 'dev']) await mkdir(join(root, folder), { mode: 0o755 })
  // qemu-img tries its file locks on /dev/null; any empty file does, and a device node would need a privilege.
  await writeFile(join(root, 'dev/null'), '')
  await chmod(join(root, 'dev/null'), 0o666)
  for (const folder of new Set(files.map(dirname))) await mkdir(join(root, folder), { recursive: true, mode: 0o755 })
  await Promise.all(files.map((file) => link(join(base, file), join(root, file))))
}

/** A program that was never reached says nothing about the file that it was to read. */
function ofTheHost(error: unknown): unknown {
  if (!(error instanceof ProgramError) || !/^(unshare|setpriv|choom|prlimit|nice): /m.test(error.stderrTail))
    return error
  return new ImportError('host', `this host can't confine ${error.message}`, { cause: error })
}

const limited = (program: ConfinedProgram, options: RunOptions): RunOptions => ({
  title: program,
  ...options,
  limits: { ...LIMITS, ...options.limits },
})

class LinkedRoom implements Room {
  readonly #root: string
  readonly #user: User
  readonly #programs: Programs
  readonly work: string

  constructor(root: string, user: User, programs: Programs) {
    this.#root = root
    this.#user = user
    this.#programs = programs
    this.work = join(root, 'work')
  }

  async run(program: ConfinedProgram, args: readonly string[], options: RunOptions): Promise<RunResult> {
    try {
      return await run('setpriv', this.#confined(program, args), limited(program, options))
    } catch (error) {
      throw ofTheHost(error)
    }
  }

  async *filter(
    program: ConfinedProgram,
    args: readonly string[],
    input: AsyncIterable<Uint8Array>,
    options: RunOptions,
  ): AsyncGenerator<Buffer> {
    try {
      yield* filter('setpriv', this.#confined(program, args), input, limited(program, options))
    } catch (error) {
      throw ofTheHost(error)
    }
  }

  async output(name: string): Promise<string> {
    const path = join(this.work, name)
    await writeFile(path, '', { flag: 'wx', mode: 0o600 })
    await chown(path, this.#user.uid, this.#user.gid)
    return path
  }

  async readable(name: string): Promise<void> {
    await chmod(join(this.work, name), 0o444)
  }

  /**
   * Arguments of `setpriv`. The outer one ties unshare to the agent's life, unshare ties the new process tree to its own;
   * the inner one drops the user's rights, which unties it (kernel: a change of credentials clears the signal), and ties again.
   */
  #confined(program: ConfinedProgram, args: readonly string[]): string[] {
    const { uid, gid } = this.#user
    const tie = ['--pdeathsig', 'KILL']
    const spaces = ['--net', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child=KILL']
    const drop = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs']
    const caps = ['--bounding-set=-all', '--inh-caps=-all']
    return [
      ...[...tie, '--', 'choom', '-n', FIRST_TO_GO, '--', 'unshare', ...spaces, `--root=${this.#root}`, '--wd=/', '--'],
      ...[SETPRIV, ...drop, ...caps, ...tie, '--', this.#programs[program], ...args],
    ]
  }
}
