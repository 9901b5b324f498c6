// Hosts with systemd as PID 1 (tree.sh), as tests use them.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { waitFor } from '../../support/wait.ts'

const BOOT_SECONDS = 60

/** What a program in the tree gave. */
export interface TreeRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A running host. */
export interface Tree {
  readonly name: string
  /** Where this machine sees the tree's files; changes with a reboot. */
  readonly root: string
  /** Pid of its systemd here; changes with a reboot. */
  readonly pid: number
  /** A shell line; its output without the last line end. `seconds` is its deadline. @throws Error with its words */
  sh(line: string, seconds?: number): Promise<string>
  /** As `sh`, but a failure is an answer. */
  try(line: string, seconds?: number): Promise<TreeRun>
  /** An orderly shutdown and a new start. */
  reboot(): Promise<void>
  /** Cuts it off, and removes everything of it. */
  stop(): Promise<void>
}

/** Starts a host; resolves once its systemd has started what is to be started. */
export async function startTree(role: string): Promise<Tree> {
  const name = `berth-${role}-${randomBytes(3).toString('hex')}`
  const folder = mkdtempSync(join(tmpdir(), `${name}.`))
  const outer = execa(
    'unshare',
    [
      '--fork',
      '--kill-child',
      '--pid',
      '--mount',
      '--mount-proc',
      'tini',
      '-s',
      '--',
      join(import.meta.dirname, 'tree.sh'),
      name,
      folder,
    ],
    { reject: false, stdin: 'ignore', all: true },
  )
  let pid = 0
  const ended = outer.then(({ all }) => {
    throw new Error(`the host ${name} ended: ${all}`)
  })
  ended.catch(() => undefined)
  const boot = async (not: number) => {
    const booted = waitFor(`${name} has booted`, BOOT_SECONDS, async () => {
      const found = systemdOf(outer.pid ?? 0)
      if (found === null || found === not) return null
      const { stdout } = await enter(found, 'systemctl is-system-running', 10)
      return ['running', 'degraded'].includes(stdout) ? found : null
    })
    pid = await Promise.race([booted, ended])
  }
  const stop = async () => {
    outer.kill('SIGKILL')
    await outer
    await removeCgroups(name)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await boot(0)
  } catch (error) {
    await stop()
    throw error
  }
  const attempt = (line: string, seconds = 120) => enter(pid, line, seconds)
  return {
    name,
    get root() {
      return `/proc/${pid}/root`
    },
    get pid() {
      return pid
    },
    try: attempt,
    sh: async (line, seconds) => {
      const { exitCode, stdout, stderr } = await attempt(line, seconds)
      if (exitCode !== 0) throw new Error(`${line}\nended with ${exitCode}: ${stderr}\n${stdout}`)
      return stdout
    },
    reboot: async () => {
      await attempt('systemctl reboot')
      await boot(pid)
    },
    stop,
  }
}

async function enter(pid: number, line: string, seconds: number): Promise<TreeRun> {
  const env = [
    'env',
    '-i',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME=/root',
    'LC_ALL=C.UTF-8',
  ]
  const args = ['-t', String(pid), '-m', '-n', '-u', '-i', '-p', '-C', '--', ...env, 'bash', '-c', line]
  const result = await execa('nsenter', args, { cwd: '/', reject: false, stdin: 'ignore', timeout: seconds * 1000 })
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr }
}

const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  } catch {
    return [] // it ended meanwhile
  }
}

/** The process below systemd-nspawn that is PID 1 of the tree; null while there is none. */
function systemdOf(outer: number): number | null {
  const [tini = 0] = childrenOf(outer)
  const [script = 0] = childrenOf(tini)
  for (const nspawn of childrenOf(script)) for (const child of childrenOf(nspawn)) if (isSystemd(child)) return child
  return null
}

function isSystemd(pid: number): boolean {
  try {
    return (
      /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) &&
      readFileSync(`/proc/${pid}/comm`, 'utf8') === 'systemd\n'
    )
  } catch {
    return false
  }
}

/** Its cgroups are empty once its processes are gone; they lie in each hierarchy. */
async function removeCgroups(name: string): Promise<void> {
  const base = '/sys/fs/cgroup'
  const folders = [join(base, name), ...readdirSync(base).map((hierarchy) => join(base, hierarchy, name))]
  await waitFor(`the cgroups of ${name} are gone`, 20, async () => {
    await execa('find', [...folders, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'], { reject: false })
    const { stdout } = await execa('find', [...folders, '-maxdepth', '0'], { reject: false })
    return stdout === '' ? true : null
  })
}
