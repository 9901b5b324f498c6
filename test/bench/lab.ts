// One lab host for the bench, made by scripts/lab: its agent, its libvirtd, its files.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'

const UP_TIMEOUT_MS = 180_000

export interface BenchLab {
  /** Unix socket of the agent's API. */
  readonly apiSocket: string
  readonly libvirtSocket: string
  /** Pid of the agent that runs now. */
  agentPid(): number
  /** Null while there is none. */
  runningAgent(): number | null
  /** Ends the host with its guests and removes its files. */
  down(): Promise<void>
}

/** `root`: the checkout. @throws with the words of scripts/lab */
export async function labUp(root: string): Promise<BenchLab> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-'))
  const lab = (...args: readonly string[]) =>
    execa(join(root, 'scripts/lab'), [...args, '--dir', dir], { stdin: 'ignore', timeout: UP_TIMEOUT_MS })
  const host = join(dir, 'hosts/h1')
  try {
    await lab('up', '1')
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
  return {
    apiSocket: join(host, 'agent.sock'),
    libvirtSocket: join(host, 'run/libvirt/libvirt-sock'),
    agentPid: () => Number(readFileSync(join(host, 'agent.pid'), 'utf8')),
    runningAgent: () => {
      const file = join(host, 'agent.pid')
      return existsSync(file) ? Number(readFileSync(file, 'utf8')) : null
    },
    down: async () => {
      await lab('down')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
