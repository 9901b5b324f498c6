// What hosts say in their renewals that they can show when they are not heard any more, in `status.berth.promise` of their Nodes: a restarted
// scheduler judges by it. A promise that shows less than the one before is on disk before the lease is given that rests on it.
import type { Resources } from '../../lib/apiserver/resources.ts'
import { messageOf } from '../../lib/errors.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { LeaseAsk, LeaseEvidence } from '../../schemas/cluster/leaserenewal.ts'
import type { Node } from '../../schemas/index.ts'
import { NODES } from '../../schemas/resources.ts'

export interface HostPromise {
  readonly evidence: readonly LeaseEvidence[]
  /** Machines (uid -> epoch) for which the evidence holds. */
  readonly covers: Readonly<Record<string, number>>
  /** Machines (uid -> epoch) that it does not start before a scheduler has said again that they are its own. */
  readonly asks: Readonly<Record<string, number>>
  /** Running machines of the host's own. */
  readonly others: readonly string[]
}

interface StoredPromise extends HostPromise {
  /** Id of the store. In a restored copy of it the promise may be an older one than the host's last. */
  readonly store: string
}

export const NO_PROMISE: HostPromise = { evidence: [], covers: {}, asks: {}, others: [] }

export const promiseIn = ({ evidence, machines, others }: LeaseAsk): HostPromise => ({
  evidence,
  covers: Object.fromEntries(machines.flatMap(({ uid, epoch, fenced }) => (fenced ? [[uid, epoch] as const] : []))),
  asks: Object.fromEntries(machines.map(({ uid, epoch }) => [uid, epoch] as const)),
  others: [...others].sort(),
})

/** As it was last told to whoever wrote this very store. */
export function promiseOf(node: Pick<Node, 'status'> | null, storeId: string): HostPromise {
  const { promise } =
    (node?.status as { readonly berth?: { readonly promise?: StoredPromise } } | undefined)?.berth ?? {}
  return promise?.store === storeId ? promise : NO_PROMISE
}

/** Something that `before` shows is not shown any more. Pure. */
export function isWeaker(next: HostPromise, before: HostPromise): boolean {
  const shows = ({ kind, seconds, whole = false }: LeaseEvidence) =>
    next.evidence.some((one) => one.kind === kind && one.seconds <= seconds && (one.whole ?? false) === whole)
  const lost = (now: HostPromise['covers'], then: HostPromise['covers']) =>
    Object.entries(then).some(([uid, epoch]) => now[uid] !== epoch)
  return !before.evidence.every(shows) || lost(next.covers, before.covers) || lost(next.asks, before.asks)
}

export interface PromisesDeps {
  readonly reader: Pick<Reader, 'get'>
  readonly resources: Pick<Resources, 'modifyStatus'>
  readonly storeId: string
  readonly log: ReconcileLog
}

export class Promises {
  readonly #deps: PromisesDeps
  /** By node: one is written after the other. */
  readonly #last = new Map<string, Promise<void>>()

  constructor(deps: PromisesDeps) {
    this.#deps = deps
  }

  /** Resolves when a lease may be given on it. @throws ApiError, StoreError when it shows less and that cannot be stored */
  remember(ask: LeaseAsk): Promise<void> {
    const mine = (this.#last.get(ask.node) ?? Promise.resolve()).then(() => this.#remember(ask))
    const settled = mine.catch(() => undefined)
    this.#last.set(ask.node, settled)
    void settled.then(() => {
      if (this.#last.get(ask.node) === settled) this.#last.delete(ask.node)
    })
    return mine
  }

  async #remember(ask: LeaseAsk): Promise<void> {
    const { reader, resources, storeId, log } = this.#deps
    const node = reader.get<Node>(NODES, { namespace: '', name: ask.node })
    if (node === null) return
    const promise: StoredPromise = { store: storeId, ...promiseIn(ask) }
    const known = promiseOf(node, storeId)
    if (isSame(promise, known)) return
    const target = { namespace: '', name: ask.node, uid: node.metadata.uid }
    try {
      await resources.modifyStatus<Node>(
        NODES,
        target,
        (status) => ({ ...status, berth: { ...berthOf(status), promise } }) as unknown as NonNullable<Node['status']>,
      )
    } catch (error) {
      if (isWeaker(promise, known)) throw error
      log.warn({ node: ask.node, err: error }, `what the host can show is not remembered: ${messageOf(error)}`)
    }
  }
}

const berthOf = (status: unknown): object => (status as { readonly berth?: object } | undefined)?.berth ?? {}

const inOrder = ({ evidence, covers, asks, others }: HostPromise) => [
  evidence,
  Object.entries(covers).sort(),
  Object.entries(asks).sort(),
  others,
]
const isSame = (one: HostPromise, other: HostPromise): boolean =>
  JSON.stringify(inOrder(one)) === JSON.stringify(inOrder(other))
