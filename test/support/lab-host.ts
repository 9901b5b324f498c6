// One host of a lab as tests use it: its API, its processes, programs inside of it, and what explains a failure.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { Client } from '../../lib/client/client.ts'
import { socketTarget } from '../../lib/client/target.ts'
import { waitFor } from './wait.ts'

const LAB = fileURLToPath(new URL('../../scripts/lab', import.meta.url))
const COMMAND_MS = 30_000
/** One that hangs is asked again. */
const READYZ_MS = 5_000
const READY_SECONDS = 60
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
/** What of the host's folder explains a failure: never disks, images or keys. */
const EVIDENCE = ['agent.log', 'host.log', 'agent.yaml', 'libvirt/log', 'libvirt/etc', 'state/console'] as const
const DATABASE = ['state/berth.db', 'state/berth.db-wal'] as const

/** What the kernel says of a process: `T` is stopped. */
async function processState(pid: number): Promise<{ readonly state: string; readonly ppid: string }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [state = '', ppid = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state, ppid }
}

export class LabHost {
  readonly name: string
  readonly dir: string
  /** The host's API over its unix socket. */
  readonly client: Client
  readonly #lab: string

  constructor(lab: string, name: string) {
    this.#lab = lab
    this.name = name
    this.dir = join(lab, 'hosts', name)
    this.client = new Client(socketTarget(join(this.dir, 'agent.sock')), 'berth-test/1')
  }

  /** The agent's files. */
  get stateDir(): string {
    return join(this.dir, 'state')
  }

  /** What is in the file where libvirt keeps a machine's TPM; null when there is none. */
  async tpm(uid: string): Promise<string | null> {
    const folder = join(this.dir, 'libvirt/lib/swtpm', uid)
    const content = await readFile(join(folder, 'tpm2/tpm2-00.permall')).catch(() => null)
    if (content === null && existsSync(folder)) throw new Error(`${folder} is there without a TPM's state`)
    return content === null ? null : createHash('sha256').update(content).digest('hex')
  }

  /** A program's output inside the host. @throws when it fails */
  async exec(file: string, ...args: readonly string[]): Promise<string> {
    const command = ['exec', this.name, '--dir', this.#lab, '--', file, ...args]
    return (await execa(LAB, command, { stdin: 'ignore', timeout: COMMAND_MS })).stdout
  }

  /**
   * A signal to a process of the host, by its pid there.
   * @throws for a pid that names a whole group: `kill 0` ends whoever asks, the tests first of all
   */
  async signal(name: 'KILL' | 'TERM' | 'STOP' | 'CONT', pid: number): Promise<void> {
    if (!Number.isInteger(pid) || pid < 2) throw new Error(`no process to send SIG${name} to: ${pid}`)
    await this.exec('kill', `-${name}`, String(pid))
  }

  virsh(...args: readonly string[]): Promise<string> {
    return this.exec('virsh', '-q', '-c', 'qemu:///system', ...args)
  }

  /** The agent's pid on this machine; 0 between two agents. */
  async agentPid(): Promise<number> {
    return Number(await readFile(join(this.dir, 'agent.pid'), 'utf8').catch(() => '0'))
  }

  /** SIGKILL; resolves at once. The lab starts another agent a second later. Returns the pid that was killed. */
  async killAgent(): Promise<number> {
    const pid = await waitFor('an agent to kill', READY_SECONDS, async () => (await this.agentPid()) || null)
    process.kill(pid, 'SIGKILL')
    return pid
  }

  /** Until an agent that is not `old` answers and looks after its virtual machines. */
  async agentReady(old = 0): Promise<void> {
    await waitFor(
      `agent of ${this.name} ready`,
      READY_SECONDS,
      async () => {
        const pid = await this.agentPid()
        if (pid === 0 || pid === old) return false
        await this.client.transport.bytes({ path: '/readyz', timeoutMs: READYZ_MS })
        return true
      },
      () => readFile(join(this.dir, 'agent.log'), 'utf8').then((log) => log.slice(-3000)),
    )
  }

  /** What the agent says of itself now: `ok`, or a line for each part. */
  async readiness(): Promise<string> {
    return (await execa('curl', ['-s', '-m', '5', '--unix-socket', this.socket, 'http://localhost/readyz'])).stdout
  }

  /** SIGKILL and wait for the next agent. */
  async restartAgent(): Promise<void> {
    await this.agentReady(await this.killAgent())
  }

  /** Nobody looks after the host while `work` runs: the agent is killed and none is started. Then waits for the next one. */
  async withoutAgent(work: () => Promise<void>): Promise<void> {
    const keeper = Number(await readFile(join(this.dir, 'agent-loop.pid'), 'utf8'))
    process.kill(keeper, 'SIGSTOP')
    let old = 0
    try {
      old = await this.killAgent()
      await work()
    } finally {
      process.kill(keeper, 'SIGCONT')
    }
    await this.agentReady(old)
  }

  /** The agent sees nothing while `work` runs, and goes on after it. */
  async whileAgentFrozen(work: () => Promise<void>): Promise<void> {
    const agent = await waitFor('an agent to freeze', READY_SECONDS, async () => (await this.agentPid()) || null)
    // The lab's nsenter stops itself when its child stops, and would never hear of a later agent's end.
    const parent = Number((await processState(agent)).ppid)
    process.kill(agent, 'SIGSTOP')
    try {
      await waitFor('a frozen agent', READY_SECONDS, async () => {
        const states = await Promise.all([agent, parent].map(processState))
        return states.every(({ state }) => state === 'T')
      })
      await work()
    } finally {
      for (const pid of [parent, agent]) process.kill(pid, 'SIGCONT')
    }
  }

  /**
   * The agent runs with another configuration while `work` does: what matches in its file is replaced. `restart` makes another agent of
   * it.
   */
  async withConfig(
    pattern: RegExp,
    replacement: string,
    work: () => Promise<void>,
    restart: () => Promise<void> = () => this.restartAgent(),
  ): Promise<void> {
    const path = join(this.dir, 'agent.yaml')
    const usual = await readFile(path, 'utf8')
    const other = usual.replace(pattern, replacement)
    if (other === usual) throw new Error(`${path} has nothing like ${pattern}`)
    await writeFile(path, other)
    try {
      await restart()
      await work()
    } finally {
      await writeFile(path, usual)
      await this.restartAgent()
    }
  }

  /** SIGKILL or SIGTERM for libvirtd (or virtqemud), which the lab starts again a second later. Resolves when the next one answers. */
  async restartLibvirtd(signal: 'KILL' | 'TERM'): Promise<void> {
    const old = await this.#libvirtdPid()
    await this.signal(signal, old)
    await this.#libvirtdReady(old)
  }

  /** No libvirtd while `work` runs: it is killed and its keeper held. Then waits for the next one. */
  async withoutLibvirtd(work: () => Promise<void>): Promise<void> {
    const keeper = Number(await this.exec('pgrep', '-of', 'lib/libvirt-daemons.sh'))
    const old = await this.#libvirtdPid()
    await this.signal('STOP', keeper)
    try {
      await this.signal('KILL', old)
      await work()
    } finally {
      await this.signal('CONT', keeper)
    }
    await this.#libvirtdReady(old)
  }

  /**
   * As after a restart of the host, while `work` runs and after it: no QEMU, no libvirtd, no agent, no bridge, nothing of libvirt's in /run,
   * another boot id. Simulated: kernel, clocks and page cache are the machine's and go on. Resolves when the next agent is ready;
   * {@link forgetReboot} takes the boot id away.
   */
  async reboot(): Promise<void> {
    const bootId = join(this.dir, 'boot-id')
    await writeFile(bootId, `${randomUUID()}\n`)
    await this.withoutAgent(() =>
      this.withoutLibvirtd(async () => {
        await waitFor('the end of QEMU and dnsmasq', READY_SECONDS, async () => {
          const pids = await this.#pidsOf('qemu-system|dnsmasq')
          // dnsmasq's helper goes with it.
          for (const pid of pids) await this.signal('KILL', pid).catch(() => undefined)
          return pids.length === 0
        })
        const bridges = JSON.parse(await this.exec('ip', '-j', 'link', 'show', 'type', 'bridge'))
        for (const { ifname } of bridges) if (ifname !== undefined) await this.exec('ip', 'link', 'del', ifname)
        await this.exec('find', '/run/libvirt/qemu', '/run/libvirt/network', '-type', 'f', '-delete')
        await this.exec('mount', '--bind', bootId, BOOT_ID)
      }),
    )
  }

  /**
   * The machine's own boot id again, and an agent that knows it: one that does not would have later tests' machines take their next agent
   * for another restart of the host. Fine when there was no reboot: what went wrong with it is the news then.
   */
  async forgetReboot(): Promise<void> {
    await this.exec('umount', BOOT_ID).catch(() => undefined)
    await this.restartAgent()
  }

  async #pidsOf(pattern: string): Promise<readonly number[]> {
    const lines = (await this.exec('ps', 'axo', 'pid=,comm=')).split('\n')
    return lines.flatMap((line) => {
      const [pid = '', name = ''] = line.trim().split(/\s+/)
      return new RegExp(pattern).test(name) ? [Number(pid)] : []
    })
  }

  /** libvirtd takes connections and answers nothing while `work` runs; then it goes on. */
  async whileLibvirtdFrozen(work: () => Promise<void>): Promise<void> {
    const pid = await this.#libvirtdPid()
    await this.signal('STOP', pid)
    try {
      await work()
    } finally {
      await this.signal('CONT', pid)
    }
  }

  /** As the host sees it. */
  async #libvirtdPid(): Promise<number> {
    return Number(await this.exec('pgrep', '-ox', 'libvirtd|virtqemud'))
  }

  async #libvirtdReady(old: number): Promise<void> {
    await waitFor('another libvirtd', READY_SECONDS, async () => {
      await this.virsh('connect')
      return (await this.#libvirtdPid()) !== old
    })
  }

  get socket(): string {
    return join(this.dir, 'agent.sock')
  }

  /** Copies logs, definitions and the database into a folder. */
  async collect(into: string): Promise<void> {
    const copies = [...EVIDENCE, ...DATABASE].map((path) =>
      cp(join(this.dir, path), join(into, path.replaceAll('/', '-')), { recursive: true, force: true }).catch(
        () => undefined,
      ),
    )
    await Promise.all(copies)
    await rm(join(into, 'state-console', 'tmp'), { force: true })
    const names = (await this.virsh('list', '--all', '--name').catch(() => '')).split('\n').filter(Boolean)
    const [list, objects] = await Promise.all([
      this.virsh('list', '--all').catch(String),
      this.exec('ps', 'axww', '-o', 'pid,ppid,stat,etimes,args').catch(String),
    ])
    await writeFile(join(into, 'domains.txt'), list)
    await writeFile(join(into, 'processes.txt'), objects)
    for (const name of names)
      await writeFile(join(into, `${name}.xml`), await this.virsh('dumpxml', name).catch(String))
  }
}

/** Names of those that have what a machine's TPM keeps. */
export async function hostsWithTpm(hosts: readonly LabHost[], uid: string): Promise<readonly string[]> {
  const found = await Promise.all(hosts.map((host) => host.tpm(uid)))
  return hosts.flatMap(({ name }, index) => (found[index] === null ? [] : [name]))
}
