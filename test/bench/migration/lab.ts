// Two lab hosts and a scheduler for the bench of migrations, made by scripts/lab: their APIs, their libvirts, and a folder of each for the
// guest that is none of Berth's.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { Client } from '../../../lib/client/client.ts'
import { socketTarget } from '../../../lib/client/target.ts'
import { nodeServerName } from '../../../lib/cluster/identity.ts'
import { LibvirtPool } from '../../../lib/libvirt/index.ts'
import { cpuMs } from '../process.ts'

const UP_TIMEOUT_MS = 300_000

export interface MoveHost {
  readonly name: string
  /** In the lab's network. */
  readonly address: string
  /** Name in the certificate of its QEMUs. */
  readonly serverName: string
  readonly client: Client
  readonly libvirt: LibvirtPool
  /** libvirt's URI, for a virsh outside of the host. */
  readonly uri: string
  /** The agent's files. */
  readonly stateDir: string
  /** What the host sees as {@link OWN_FOLDER}. */
  readonly ownFolder: string
}

export interface MoveLab {
  readonly hosts: readonly [MoveHost, MoveHost]
  readonly scheduler: Client
  /** The small guest's image; each host serves it to itself as {@link IMAGE_URL}. */
  readonly image: string
  /** What both hosts see as {@link SHARED_FOLDER}. */
  readonly sharedFolder: string
  /** CPU time of both agents and the scheduler so far, in ms. */
  berthCpuMs(): number
  /** Ends everything and removes its files. */
  down(): Promise<void>
}

export const IMAGE_URL = 'http://127.0.0.1:18750/guest.qcow2'
export const SHARED_FOLDER = '/var/lib/berth-shared'
/** The same path on both hosts, and another folder on each. */
export const OWN_FOLDER = '/var/lib/libvirt/images/bench'

const OWNER = 'berth-bench'

/** `root`: the checkout. @throws with the words of scripts/lab */
export async function moveLabUp(root: string): Promise<MoveLab> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-move-'))
  const lab = (...args: readonly string[]) =>
    execa(join(root, 'scripts/lab'), [...args, '--dir', dir], { stdin: 'ignore', timeout: UP_TIMEOUT_MS })
  const closers: (() => Promise<void>)[] = []
  const down = async () => {
    for (const close of closers) await close()
    await lab('down')
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await lab('up', '2', '--scheduler')
    const subnet = /^subnet=(.*)$/m.exec(readFileSync(join(dir, 'lab.env'), 'utf8'))?.[1] ?? ''
    const open = async (name: string): Promise<MoveHost> => {
      const folder = join(dir, 'hosts', name)
      const socketPath = join(folder, 'run/libvirt/libvirt-sock')
      const libvirt = new LibvirtPool({ socketPath, uri: 'qemu:///system' })
      const client = new Client(socketTarget(join(folder, 'agent.sock')), OWNER)
      closers.push(
        () => libvirt.close(),
        () => client.close(),
      )
      await libvirt.connect()
      const ownFolder = join(folder, 'libvirt/lib/images/bench')
      mkdirSync(ownFolder, { recursive: true })
      return {
        name,
        address: `${subnet}.${name.slice(1)}`,
        serverName: nodeServerName(name),
        client,
        libvirt,
        uri: `qemu+unix:///system?socket=${socketPath}`,
        stateDir: join(folder, 'state'),
        ownFolder,
      }
    }
    const scheduler = new Client(socketTarget(join(dir, 'scheduler/scheduler.sock')), OWNER)
    closers.push(() => scheduler.close())
    const pidFiles = ['hosts/h1/agent.pid', 'hosts/h2/agent.pid', 'scheduler/scheduler.pid']
    return {
      hosts: [await open('h1'), await open('h2')],
      scheduler,
      image: join(root, '.cache/guest/guest.qcow2'),
      sharedFolder: join(dir, 'shared'),
      berthCpuMs: () => pidFiles.reduce((sum, file) => sum + cpuMs(Number(readFileSync(join(dir, file), 'utf8'))), 0),
      down,
    }
  } catch (error) {
    await down()
    throw error
  }
}
