// Moments of a move that pass in milliseconds, made so long that a test can do something in them.
import type { HostBinding } from '../../schemas/index.ts'
import type { LabHost } from '../support/lab-host.ts'
import { waitFor } from '../support/wait.ts'
import { type MovingGuest, type MovingGuests, REST_SECONDS } from './moving-guests.ts'
import type { Sides } from './parties.ts'

/** virDomainState and its reason: runs by post-copy; paused, as it is being moved. */
const BY_POST_COPY = [1, 10]
export const HANDED = [3, 2]
const POST_COPY = { 'berth/migration-post-copy': 'true', 'berth/migration-bandwidth': '8Mi' } as const
/** Time enough to have an agent hang before all is sent. */
const CAPPED = { 'berth/migration-bandwidth': '16Mi' } as const
/** What QEMU may take for the last of the guest: all that is left. */
const ANY_DOWNTIME_MS = '600000'
/** The last of the guest goes out with no cap of QEMU's own; so the line itself is slow. */
const SLOW_LINE = ['rate', '8mbit', 'burst', '64k', 'latency', '400ms'] as const

/** How often a packet is sent again. */
const TRIES = { few: 3, usual: 15 } as const

const sends = async (host: LabHost, domain: string): Promise<boolean> =>
  (await host.virsh('domjobinfo', domain)).includes('Memory remaining')

export interface Moment extends Sides {
  readonly operation: string
}

/** Asks for a move. Resolves with its operation when memory is being sent: what libvirt is told earlier it takes for how it always was. */
async function beginMove({ machine }: MovingGuest, source: LabHost, annotations?: typeof CAPPED): Promise<string> {
  const operation = await machine.ask(annotations)
  await waitFor('a transfer', REST_SECONDS, () => sends(source, machine.domain))
  return operation
}

/** Once libvirt of the host says that the guest is so. */
const untilState = (what: string, guests: MovingGuests, { machine }: MovingGuest, at: Seen) =>
  waitFor(
    what,
    REST_SECONDS,
    async () => `${await guests.copies.stateAt(at.host.name, machine)}` === `${at.state}`,
    () => machine.told(at.operation),
  )

interface Seen {
  readonly host: LabHost
  readonly state: readonly number[]
  readonly operation: string
}

/** The guest runs at the target, most of its memory is at the source, and comes so slowly that it stays so. */
export async function inPostCopy(guests: MovingGuests, one: MovingGuest): Promise<Moment> {
  const { machine } = one
  const { source, target } = await guests.sides(one)
  const operation = await machine.ask(POST_COPY)
  await waitFor('a transfer', REST_SECONDS, async () => {
    await source.virsh('migrate-setspeed', machine.domain, '1', '--postcopy')
    return await sends(source, machine.domain)
  })
  await source.virsh('migrate-postcopy', machine.domain)
  await untilState('a post-copy', guests, one, { host: target, state: BY_POST_COPY, operation })
  return { source, target, operation }
}

/** While `work` runs: the guest is stopped at the source, and the last of it is still on its way. */
export async function whileStoppedHalfway(
  guests: MovingGuests,
  one: MovingGuest,
  work: (moment: Moment) => Promise<void>,
): Promise<Moment> {
  const { machine } = one
  const { source, target } = await guests.sides(one)
  await source.exec('tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', ...SLOW_LINE)
  try {
    const operation = await beginMove(one, source)
    await source.virsh('migrate-setmaxdowntime', machine.domain, ANY_DOWNTIME_MS)
    await untilState('a guest that is stopped', guests, one, { host: source, state: HANDED, operation })
    await waitFor('its note', REST_SECONDS, async () => (await phaseAt(source, machine.uid)) === 'Finishing')
    const moment = { source, target, operation }
    await work(moment)
    return moment
  } finally {
    await source.exec('tc', 'qdisc', 'del', 'dev', 'eth0', 'root')
  }
}

/** While `work` runs: all of the guest is at the target, whose agent hangs and does not say whether it has it. */
export async function whileAsked(
  guests: MovingGuests,
  one: MovingGuest,
  work: (moment: Moment) => Promise<void>,
): Promise<Moment> {
  const { machine } = one
  const { source, target } = await guests.sides(one)
  const operation = await beginMove(one, source, CAPPED)
  const moment = { source, target, operation }
  await target.whileAgentFrozen(async () => {
    await waitFor('a source that asks', REST_SECONDS, async () => (await phaseAt(source, machine.uid)) === 'Finishing')
    await work(moment)
  })
  return moment
}

/** The kernels of the hosts give up a connection after seconds without an answer while `work` runs, not after a quarter of an hour. */
export async function whileImpatient(hosts: readonly LabHost[], work: () => Promise<void>): Promise<void> {
  const tries = (count: number) =>
    Promise.all(hosts.map((host) => host.exec('sysctl', '-qw', `net.ipv4.tcp_retries2=${count}`)))
  await tries(TRIES.few)
  try {
    await work()
  } finally {
    await tries(TRIES.usual)
  }
}

/** What the host's agent remembers of the machine's move. */
export async function phaseAt(host: LabHost, uid: string): Promise<string | undefined> {
  const path = `/apis/cluster.berth/v1/hostbindings/${uid}`
  const { status } = (await host.client.transport.json({ path })) as HostBinding
  return status?.migration?.phase
}
