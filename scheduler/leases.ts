// Signs of life of the hosts, as the scheduler hears them. Kept in memory alone: after a start every host has to be heard anew, and whoever
// acts on silence first waits for as long as a lease that an earlier scheduler gave may still hold.
import type { VirtualKind } from '../lib/apiserver/virtual.ts'
import type { Clock } from '../lib/clock.ts'
import { ApiError } from '../lib/errors.ts'
import {
  LEASE_RENEWAL,
  LEASE_SECONDS,
  type LeaseAnswer,
  type LeaseAsk,
  type ToldClass,
} from '../schemas/cluster/leaserenewal.ts'

/** The last sign of life of one host. */
export interface Lease extends LeaseAsk {
  /** Monotonic milliseconds of this process at which it was heard: the host's lease ends no later than {@link LEASE_SECONDS} after it. */
  readonly heardAt: number
  /** Uid of its Node then. */
  readonly member: string
}

export type RenewalListener = (lease: Lease, before: Lease | null) => void

export interface Leases {
  /** Null: not heard since this process started, or since the host joined. */
  get(node: string): Lease | null
  /** Monotonic milliseconds at which this process began to listen. */
  readonly since: number
  /** Called at each renewal, with the one before. Returns the unsubscribe function. */
  onRenewal(listener: RenewalListener): () => void
}

export interface LeaseDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Which scheduler this is. */
  readonly ruler: () => { readonly instance: string; readonly term: number }
  /** In words, why this scheduler may not give leases now (it was superseded, its store is old); null when it may. */
  readonly refusal: () => string | null
  /** Hears of each question of a member, whatever comes of it: a sign of life. */
  readonly onAsk?: (node: string) => void
  /** Keeps what the host says that it can show. Resolves when a lease may be given on it. @throws when none may */
  readonly remember: (ask: LeaseAsk) => Promise<void>
  /** Uid of the host's Node, another one each time that it joins; null: it is no member. */
  readonly member: (node: string) => string | null
  /** Of the cluster: every host is told of them. */
  readonly storageClasses: () => readonly ToldClass[]
  /** Whether the machine is that host's by that epoch, in the store. */
  readonly owns: (node: string, machine: LeaseAsk['machines'][number]) => boolean
}

/** What a host says that it has; `member`: the uid of its Node then. */
interface Named {
  readonly node: string
  readonly member: string
  readonly epoch: number
}

/** The user of a host's certificate. */
const NODE_USER = /^system:node:(.+)$/

export class LeaseTable implements Leases {
  readonly since: number
  /** The kind that hosts post to. */
  readonly virtual: VirtualKind
  readonly #deps: LeaseDeps
  readonly #leases = new Map<string, Lease>()
  /** By uid of a machine: the highest epoch by which a host says that it has it. Also of hosts that are no members any more: they do not count. */
  readonly #named = new Map<string, Named>()
  /** By node: uids in its last question. */
  readonly #namedBy = new Map<string, readonly string[]>()
  readonly #listeners = new Set<RenewalListener>()

  constructor(deps: LeaseDeps) {
    this.#deps = deps
    this.since = deps.clock.monotonic()
    this.virtual = {
      kind: LEASE_RENEWAL,
      audience: 'nodes',
      answer: async ({ object, caller }) => ({ ...(await this.renew(object as unknown as LeaseAsk, caller.user)) }),
    }
  }

  get(node: string): Lease | null {
    const lease = this.#leases.get(node)
    return lease !== undefined && lease.member === this.#deps.member(node) ? lease : null
  }

  onRenewal(listener: RenewalListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @throws ApiError Forbidden for another's lease, NotFound for a stranger, ServiceUnavailable while none is given */
  async renew({ node, bootId, sentAt, machines, evidence, others }: LeaseAsk, user: string): Promise<LeaseAnswer> {
    if (NODE_USER.exec(user)?.[1] !== node)
      throw new ApiError('Forbidden', `${user} is not the host ${node}: a host renews its own lease only`)
    const member = this.#memberOf(node)
    this.#deps.onAsk?.(node)
    const ask: LeaseAsk = { node, bootId, sentAt, machines, evidence, others }
    this.#mayFollow(ask)
    this.#note(ask, member)
    this.#mayGive()
    await this.#deps.remember(ask)
    this.#mayGive()
    this.#mayFollow(ask)
    const lease: Lease = { ...ask, heardAt: this.#deps.clock.monotonic(), member: this.#memberOf(node) }
    const before = this.get(node)
    this.#leases.set(node, lease)
    for (const listener of this.#listeners) listener(lease, before)
    return {
      leaseSeconds: LEASE_SECONDS,
      confirmed: machines
        .filter((machine) => !this.#isLater(machine) && this.#deps.owns(node, machine))
        .map(({ uid }) => uid),
      ...this.#deps.ruler(),
      storageClasses: this.#deps.storageClasses(),
    }
  }

  /** Whatever comes of the question: what a host has it says truly. */
  #note({ node, machines }: LeaseAsk, member: string): void {
    for (const uid of this.#namedBy.get(node) ?? []) if (this.#named.get(uid)?.node === node) this.#named.delete(uid)
    for (const { uid, epoch } of machines)
      if ((this.#epochOf(uid) ?? Number.NEGATIVE_INFINITY) < epoch) this.#named.set(uid, { node, member, epoch })
    this.#namedBy.set(
      node,
      machines.map(({ uid }) => uid),
    )
  }

  /** Another host has it by a higher epoch, though what it has cannot be read now: the store is an older copy, and it may run there. */
  #isLater({ uid, epoch }: LeaseAsk['machines'][number]): boolean {
    return (this.#epochOf(uid) ?? epoch) > epoch
  }

  /** The highest epoch by which a member has the machine; null: none says so, or the host that did was removed, or joined anew, since. */
  #epochOf(uid: string): number | null {
    const named = this.#named.get(uid)
    return named !== undefined && named.member === this.#deps.member(named.node) ? named.epoch : null
  }

  #memberOf(node: string): string {
    const member = this.#deps.member(node)
    if (member === null) throw new ApiError('NotFound', `the host ${node} is no member of this cluster`)
    return member
  }

  /** One that was long on its way says what the host does not promise any more. */
  #mayFollow({ node, bootId, sentAt }: LeaseAsk): void {
    const known = this.get(node)
    if (known?.bootId === bootId && sentAt < known.sentAt)
      throw new ApiError('Conflict', `a later question of the host ${node} was answered already`)
  }

  #mayGive(): void {
    const refusal = this.#deps.refusal()
    if (refusal !== null) throw new ApiError('ServiceUnavailable', `no leases are given: ${refusal}`)
  }
}
