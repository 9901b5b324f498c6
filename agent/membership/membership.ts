// This host as a member of a cluster: joins, renews its certificates in time, leaves. While it runs; no restart is needed for any of it.
//
// INVARIANT: what `member` gives is on disk. One of join, renewal and leaving is under way at a time.
import { X509Certificate } from 'node:crypto'
import type { ClusterIdentity } from '../../lib/apiserver/listeners.ts'
import type { Client } from '../../lib/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import { hashOfCertificate } from '../../lib/cluster/hash.ts'
import { nodeServerName } from '../../lib/cluster/identity.ts'
import type { ClusterCredentials } from '../../lib/cluster/target.ts'
import { ApiError, messageOf } from '../../lib/errors.ts'
import { Backoff } from '../../lib/reconcile/backoff.ts'
import type { JoinRequestAsk, LeaveRequestAsk, MembershipAnswer } from '../../schemas/cluster/membership.ts'
import type { AgentConfig } from '../config.ts'
import type { Log } from '../log.ts'
import type { OnFileStep } from '../seams.ts'
import { type Member, MembershipFiles } from './files.ts'
import { depart, join, renew, schedulerClient } from './join.ts'
import { placeQemuFiles } from './qemu-files.ts'

const DAY_MS = 86_400_000
/** A certificate that ends sooner is renewed. */
export const RENEW_MS = 30 * DAY_MS
const LOOK_MS = 3_600_000
const FIRST_RETRY_MS = 60_000
const JOIN_MS = 60_000
const RENEWAL = 'renewal'

export interface MembershipDeps {
  readonly config: AgentConfig
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  readonly onFileStep?: OnFileStep
  /** In words, why this host cannot leave now: what it has of the scheduler's. Null when it can. */
  readonly holds: () => string | null
  /** The host is about to be a member of the cluster with that authority (hash). Before it is written down. */
  readonly onJoining: (cluster: string) => Promise<void>
  /** The host has left: nobody's words count any more. */
  readonly onLeft: () => Promise<void>
}

interface Current {
  readonly member: Member
  readonly identity: ClusterIdentity
  readonly client: Client
}

export class Membership {
  readonly #deps: MembershipDeps
  readonly #files: MembershipFiles
  readonly #listeners = new Set<() => void>()
  readonly #stopping = new AbortController()
  readonly #backoff = new Backoff({ firstMs: FIRST_RETRY_MS, maxMs: LOOK_MS })
  #current: Current | null = null
  #last: Promise<unknown> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()

  private constructor(deps: MembershipDeps) {
    this.#deps = deps
    this.#files = new MembershipFiles(deps.config.stateDir, deps.onFileStep)
  }

  /** @throws Error with words for the operator when what is on disk cannot be used */
  static async open(deps: MembershipDeps): Promise<Membership> {
    const membership = new Membership(deps)
    const member = await membership.#files.read()
    if (member !== null) membership.#take(member)
    return membership
  }

  /** Null for a host without a cluster. */
  get member(): Member | null {
    return this.#current?.member ?? null
  }

  /** For the TLS listeners; the same object until the next change. */
  get identity(): ClusterIdentity | null {
    return this.#current?.identity ?? null
  }

  /** What this host shows to others of its cluster, and how it knows them; null without one. */
  get credentials(): ClusterCredentials | null {
    return this.#current?.identity ?? null
  }

  /** The scheduler's client, the same one until the next change; closing it is not the caller's. Null without a cluster. */
  get scheduler(): Client | null {
    return this.#current?.client ?? null
  }

  /** Hears that the host joined, left, or has a new certificate. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @throws ApiError with the scheduler's words or our own; the host is what it was then */
  join(ask: JoinRequestAsk): Promise<MembershipAnswer> {
    return this.#alone(async () => {
      const before = this.member
      const server = new URL(ask.server).origin
      if (before !== null && before.server !== server)
        throw new ApiError(
          'Conflict',
          `this host is ${before.node} of the cluster of ${before.server}: it leaves that one first (berth node leave)`,
        )
      const member = await join(ask, this.#joinDeps(), AbortSignal.timeout(JOIN_MS))
      await this.#deps.onJoining(hashOfCertificate(member.ca))
      await this.#files.write(member)
      await this.#placed(member)
      this.#take(member)
      const { node } = member
      this.#deps.log.info({ node, server, serial: serialOf(member) }, 'this host has joined a cluster')
      return { node, server, message: `${node} has joined the cluster of ${server}` }
    })
  }

  /** @throws ApiError with the scheduler's words or our own; the host is still a member then */
  leave({ force = false }: LeaveRequestAsk): Promise<MembershipAnswer> {
    return this.#alone(async () => {
      const current = this.#current
      if (current === null) throw new ApiError('Conflict', 'this host is no member of a cluster')
      const { node, server } = current.member
      const holds = this.#deps.holds()
      if (holds !== null && !force) throw new ApiError('Conflict', holds)
      const said = await this.#depart(current, force)
      await this.#files.remove()
      this.#drop()
      await this.#deps.onLeft()
      this.#deps.log.info({ node, server }, 'this host has left its cluster')
      return { node, server, message: `${node} has left the cluster of ${server}${said}` }
    })
  }

  start(): void {
    this.#running = this.#keep(this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the agent is stopping'))
    await this.#running
    await this.#last
    await this.#current?.client.close()
  }

  /** One look at the certificates. @returns whether there are new ones @throws ApiError, UnreachableError */
  look(): Promise<boolean> {
    return this.#alone(async () => {
      const current = this.#current
      if (current === null) return false
      const { cert } = current.member.own
      if (Date.parse(new X509Certificate(cert).validTo) - this.#deps.clock.now() > RENEW_MS) return false
      const member = await renew(current.member, this.#joinDeps(), current.client, this.#stopping.signal)
      await this.#files.write(member)
      await this.#placed(member)
      this.#take(member)
      this.#deps.log.info({ serial: serialOf(member) }, 'this host has a new certificate of its cluster')
      return true
    })
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    if (this.member !== null) await this.#placed(this.member)
    while (!signal.aborted) {
      let waitMs = LOOK_MS
      try {
        await this.look()
        this.#backoff.reset(RENEWAL)
      } catch (error) {
        if (signal.aborted) return
        waitMs = this.#backoff.next(RENEWAL)
        log.warn({ err: error }, `the certificate of the cluster could not be renewed: ${messageOf(error)}`)
      }
      await clock.sleep(waitMs, signal).catch(() => undefined)
    }
  }

  /** What the answer adds to the words. @throws ApiError when the scheduler refuses and nothing is forced */
  async #depart({ member, client }: Current, force: boolean): Promise<string> {
    try {
      await depart(member.node, client, AbortSignal.timeout(JOIN_MS))
      return ''
    } catch (error) {
      if (!force) throw error
      return `; the scheduler was not told (${messageOf(error)}): delete the Node ${member.node} there`
    }
  }

  /** Machines move without it only in clear, which is refused; the host is a member all the same. */
  async #placed(member: Member): Promise<void> {
    const { config, log, onFileStep } = this.#deps
    const { certDir } = config.migration
    try {
      if (await placeQemuFiles(certDir, member)) {
        onFileStep?.('qemu-certificates-placed')
        log.info({ certDir }, 'the certificates for moving machines are in place')
      }
    } catch (error) {
      log.warn(
        { err: error },
        `no machine can move to or from this host: its certificates cannot be put into ${certDir}: ${messageOf(error)}`,
      )
    }
  }

  #take(member: Member): void {
    const { own, ca, node } = member
    const old = this.#current
    this.#current = {
      member,
      identity: { serverName: nodeServerName(node), ...own, ca },
      client: schedulerClient(member, this.#deps.version),
    }
    this.#changed(old)
  }

  #drop(): void {
    const old = this.#current
    this.#current = null
    this.#changed(old)
  }

  #changed(old: Current | null): void {
    void old?.client.close()
    for (const listener of this.#listeners) listener()
  }

  #joinDeps() {
    const { config, version, clock } = this.#deps
    return { node: config.nodeName, listen: config.listen, version, clock, folder: this.#files.folder }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => undefined)
    return mine
  }
}

const serialOf = ({ own }: Member): string => new X509Certificate(own.cert).serialNumber
