// What every row works with: the agent of one lab host through its API, and its libvirt behind its back.
import { Client } from '../../lib/client/client.ts'
import { socketTarget } from '../../lib/client/target.ts'
import { LibvirtPool } from '../../lib/libvirt/index.ts'
import { Bare } from './bare.ts'
import { DISKS, type Disk, Guests, VMS } from './guests.ts'
import { type BenchLab, labUp } from './lab.ts'
import { Phases } from './phases.ts'

export interface World {
  readonly lab: BenchLab
  readonly guests: Guests
  /** What the watcher sees of the machines. */
  readonly seen: Phases
  readonly libvirt: LibvirtPool
  readonly bare: Bare
  /** Says what is being done, to people. */
  readonly say: (text: string) => void
}

/** How much of each row is done. */
export interface Scale {
  /** Pairs of single starts, on an empty host and beside running machines. */
  readonly startPairs: number
  readonly besidePairs: number
  readonly burst: number
  readonly burstPairs: number
  readonly paced: number
  readonly pacedPairs: number
  /** Numbers of machines that run; the last is cut to what the host's memory holds. */
  readonly levels: readonly number[]
  readonly idleSeconds: number
  readonly idleWindows: number
  readonly events: number
  readonly restarts: number
}

export const FULL: Scale = {
  startPairs: 20,
  besidePairs: 7,
  burst: 50,
  burstPairs: 5,
  paced: 100,
  pacedPairs: 5,
  levels: [10, 50, 200],
  idleSeconds: 60,
  idleWindows: 5,
  events: 300,
  restarts: 5,
}

/** Shows that everything works; the figures mean nothing. */
export const QUICK: Scale = {
  startPairs: 2,
  besidePairs: 1,
  burst: 4,
  burstPairs: 1,
  paced: 4,
  pacedPairs: 1,
  levels: [3, 6],
  idleSeconds: 3,
  idleWindows: 1,
  events: 10,
  restarts: 1,
}

/** Runs `use` on a fresh lab host and takes everything down again. */
export async function withWorld<T>(
  root: string,
  say: (text: string) => void,
  use: (world: World) => Promise<T>,
): Promise<T> {
  const lab = await labUp(root)
  const client = new Client(socketTarget(lab.apiSocket), 'berth-bench')
  const libvirt = new LibvirtPool({ socketPath: lab.libvirtSocket, uri: 'qemu:///system' })
  const [seen, disks] = [new Phases(), new Phases()]
  try {
    await libvirt.connect()
    await Promise.all([seen.start(client, VMS), disks.start(client, DISKS)])
    return await use({ lab, guests: new Guests(client, seen, disks), seen, libvirt, bare: new Bare(libvirt), say })
  } finally {
    await Promise.all([seen.stop(), disks.stop()])
    await client.close()
    await libvirt.close()
    await lab.down()
  }
}

/** Disks by number. @throws RangeError when more are asked for than were made */
export function pick(disks: readonly Disk[], index: number): Disk {
  const disk = disks[index]
  if (disk === undefined) throw new RangeError(`disk ${index} of ${disks.length}`)
  return disk
}
