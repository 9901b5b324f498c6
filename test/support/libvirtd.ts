// A private libvirtd for tests: own pid, mount, net and uts namespaces, own state folders, under a PID 1 that reaps
// (libvirt's QEMU probe waits half a minute otherwise). Needs root. Any number may run side by side.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa, type Result } from 'execa'

/** Folders of libvirt's that get a private place, as [name in the temp folder, path that libvirt sees]. */
const FOLDERS = [
  ['run', '/run'],
  ['lib', '/var/lib/libvirt'],
  ['etc', '/etc/libvirt'],
  ['log', '/var/log/libvirt'],
  ['cache', '/var/cache/libvirt'],
] as const

const QEMU_CONF = `user = "root"
group = "root"
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
`
const LIBVIRTD_CONF = `unix_sock_rw_perms = "0700"
auth_unix_rw = "none"
listen_tls = 0
max_clients = 5000
`
const START_MS = 30_000

/** Where a private libvirtd is and what can be done to it. */
export interface TestLibvirtd {
  /** Temp folder that holds everything; what libvirt sees as `/var/lib/libvirt` is `lib` in it. */
  readonly dir: string
  readonly socketPath: string
  /** libvirtd's pid on this machine. */
  pid(): number
  /** SIGKILL; guests go on running. Resolves when it is gone. */
  kill(): Promise<void>
  /** Starts libvirtd again after `kill`; resolves when it accepts connections. */
  start(): Promise<void>
  /** Stops scheduling libvirtd, so that it accepts connections and never answers. */
  freeze(): void
  thaw(): void
  /** Runs a program in libvirtd's namespaces. */
  run(file: string, args: readonly string[]): Promise<Result>
  /** Ends libvirtd, its guests and everything else in its namespaces, and removes the folder. */
  stop(): Promise<void>
}

/** Starts a libvirtd and resolves when it accepts connections. */
export async function startLibvirtd(): Promise<TestLibvirtd> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-libvirtd-'))
  for (const [name] of FOLDERS) mkdirSync(join(dir, name))
  for (const name of ['run/libvirt', 'run/lock', 'lib/images']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'etc/qemu.conf'), QEMU_CONF)
  writeFileSync(join(dir, 'etc/libvirtd.conf'), LIBVIRTD_CONF)
  const mounts = FOLDERS.map(([name, path]) => `mkdir -p ${path} && mount --bind "$0/${name}" ${path}`)
  // `cat` ends when our end of its input closes: nothing outlives a test run that crashed.
  const setup = [...mounts, 'ip link set lo up', 'touch "$0/ready"', 'exec cat'].join(' && ')
  const namespaces = ['--fork', '--pid', '--mount', '--net', '--uts', '--mount-proc', '--kill-child=SIGKILL']
  const holder = execa('unshare', [...namespaces, 'tini', '-s', '--', 'bash', '-c', setup, dir], { reject: false })
  const host = new PrivateHost(dir, holder)
  try {
    await until(() => readdirSync(dir).includes('ready'), 'the namespaces were not set up')
    await host.start()
  } catch (error) {
    await host.stop()
    throw error
  }
  return host
}

/** A program under way; settles, and never rejects, when it has ended. */
interface Running extends PromiseLike<unknown> {
  readonly pid?: number | undefined
  kill(signal: NodeJS.Signals): boolean
}

class PrivateHost implements TestLibvirtd {
  readonly dir: string
  readonly socketPath: string
  readonly #holder: Running
  #daemon: Running | undefined

  constructor(dir: string, holder: Running) {
    this.dir = dir
    this.socketPath = join(dir, 'run/libvirt/libvirt-sock')
    this.#holder = holder
  }

  pid(): number {
    return onlyChild(this.#daemon?.pid, 'libvirtd')
  }

  async start(): Promise<void> {
    this.#daemon = execa('nsenter', this.#inside('libvirtd', []), { reject: false, all: true })
    await until(() => this.#accepts(), 'libvirtd does not accept connections')
  }

  async kill(): Promise<void> {
    process.kill(this.pid(), 'SIGKILL')
    await this.#daemon
    this.#daemon = undefined
  }

  freeze(): void {
    process.kill(this.pid(), 'SIGSTOP')
  }

  thaw(): void {
    process.kill(this.pid(), 'SIGCONT')
    // nsenter stops itself when its child is stopped.
    this.#daemon?.kill('SIGCONT')
  }

  run(file: string, args: readonly string[]): Promise<Result> {
    return execa('nsenter', this.#inside(file, args), { timeout: START_MS })
  }

  async stop(): Promise<void> {
    // The end of a pid namespace's first process ends all others in it.
    const first = children(this.#holder.pid)[0]
    if (first !== undefined) process.kill(first, 'SIGKILL')
    else this.#holder.kill('SIGKILL')
    await this.#holder
    await this.#daemon
    rmSync(this.dir, { recursive: true, force: true })
  }

  #inside(file: string, args: readonly string[]): string[] {
    const target = String(onlyChild(this.#holder.pid, 'the namespaces'))
    return ['--target', target, '--mount', '--pid', '--net', '--uts', '--', file, ...args]
  }

  #accepts(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.socketPath)
      const settle = (yes: boolean) => {
        socket.destroy()
        resolve(yes)
      }
      socket.once('connect', () => settle(true)).once('error', () => settle(false))
    })
  }
}

function children(pid: number | undefined): readonly number[] {
  if (pid === undefined) return []
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return [] // gone
  }
}

function onlyChild(pid: number | undefined, what: string): number {
  const [child] = children(pid)
  if (child === undefined) throw new Error(`${what}: not running`)
  return child
}

async function until(condition: () => boolean | Promise<boolean>, complaint: string): Promise<void> {
  const deadline = performance.now() + START_MS
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${complaint} after ${START_MS} ms`)
    await sleep(20)
  }
}
