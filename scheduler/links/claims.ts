// Asks every host for its obedience until it has answered: most of them before anything is done, each before anything is done there. Each is
// asked by itself, so that those that are silent hold up nobody.
import { setMaxListeners } from 'node:events'
import type { Client } from '../../lib/client/client.ts'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import { Backoff } from '../../lib/reconcile/backoff.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { AgentClients } from './clients.ts'
import { Knocks } from './knocks.ts'
import type { ClaimWord, Ruler } from './ruler.ts'

export interface ClaimsDeps {
  readonly clients: Pick<AgentClients, 'nodes' | 'clientFor'>
  readonly ruler: Ruler
  readonly clock: Clock
  readonly log: ReconcileLog
  /** The host has said whom it obeys. */
  readonly onWord: (node: string) => void
}

const CLAIMS_PATH = '/apis/cluster.berth/v1/claims'
const CLAIM_MS = 5_000
/** A host that was not heard is asked again after that, ever more seldom; at once when it gives a sign of life. */
const BACKOFF = { firstMs: 1_000, maxMs: 8_000 }
/** One that has forgotten is found by then. */
const LOOK_MS = 2_000

/** Of a host that has not accepted. */
interface Asked {
  /** It is being asked. */
  readonly busy: boolean
  /** Monotonic milliseconds before which it is not asked again. */
  readonly restUntil: number
}

export class Claims {
  readonly #deps: ClaimsDeps
  readonly #knocks: Knocks
  readonly #backoff = new Backoff(BACKOFF)
  readonly #asked = new Map<string, Asked>()
  readonly #stopping = new AbortController()
  readonly #under = new Set<Promise<void>>()
  /** Resolves once every host was asked, whatever came of it. */
  readonly first: Promise<void>
  #wereAsked: () => void = () => undefined
  #wake: () => void = () => undefined
  #running: Promise<void> = Promise.resolve()

  constructor(deps: ClaimsDeps) {
    this.#deps = deps
    this.#knocks = new Knocks({ clock: deps.clock })
    this.first = new Promise((resolve) => {
      this.#wereAsked = resolve
    })
    // Every question listens to it.
    setMaxListeners(0, this.#stopping.signal)
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the scheduler is stopping'))
    await this.#running
    await Promise.all(this.#under)
  }

  /** The host gives a sign of life, or is a new one: it is not kept waiting. */
  heard(node: string): void {
    if (this.#asked.get(node)?.busy === true || this.#deps.ruler.isAcceptedBy(node)) return
    this.#asked.delete(node)
    this.#wake()
  }

  async #run(): Promise<void> {
    const { ruler } = this.#deps
    const { signal } = this.#stopping
    try {
      if (!(await this.#raise(signal))) return
      ruler.recount()
      void Promise.all(this.#look(signal)).then(this.#wereAsked)
      while (!signal.aborted && !ruler.isOver) {
        await this.#pause(signal)
        this.#look(signal)
      }
    } finally {
      this.#wereAsked()
    }
  }

  #look(signal: AbortSignal): readonly Promise<void>[] {
    return this.#deps.clients.nodes().flatMap((node) => this.#begin(node, signal) ?? [])
  }

  /** A term of its own, on disk. False: the scheduler stops before it has one. */
  async #raise(signal: AbortSignal): Promise<boolean> {
    const { ruler, clock, log } = this.#deps
    while (!signal.aborted)
      try {
        await ruler.raise()
        return true
      } catch (error) {
        log.error({ err: error }, `the scheduler cannot claim its hosts yet: ${messageOf(error)}`)
        // Its readiness does not wait for a disk that is full.
        this.#wereAsked()
        await clock.sleep(this.#backoff.next(''), signal).catch(() => undefined)
      }
    return false
  }

  /** Null: it is not to be asked now. */
  #begin(node: string, signal: AbortSignal): Promise<void> | null {
    const { ruler, clients, clock } = this.#deps
    if (ruler.isAcceptedBy(node)) {
      this.#asked.delete(node)
      return null
    }
    const asked = this.#asked.get(node)
    if (asked !== undefined && (asked.busy || clock.monotonic() < asked.restUntil)) return null
    const client = clients.clientFor(node)
    if (client === null) return null
    this.#asked.set(node, { busy: true, restUntil: 0 })
    const work = this.#claim(node, client, signal).then((result) => {
      this.#under.delete(work)
      this.#asked.delete(node)
      if (result === 'accepted') this.#backoff.reset(node)
      else if (result === 'again') this.#wake()
      else this.#asked.set(node, { busy: false, restUntil: clock.monotonic() + this.#backoff.next(node) })
    })
    this.#under.add(work)
    return work
  }

  /** Never rejects. */
  async #claim(node: string, client: Client, signal: AbortSignal): Promise<'accepted' | 'again' | 'later'> {
    const { ruler, log, onWord } = this.#deps
    const ask = () =>
      client.transport.json({
        method: 'POST',
        path: CLAIMS_PATH,
        body: { apiVersion: 'cluster.berth/v1', kind: 'Claim', ...ruler.signature() },
        timeoutMs: CLAIM_MS,
        signal,
      })
    try {
      const heard = await ruler.hear(node, (await this.#knocks.at(ask, signal)) as ClaimWord)
      if (heard === 'again') return 'again'
      onWord(node)
      return ruler.isAcceptedBy(node) ? 'accepted' : 'later'
    } catch (error) {
      log.debug({ node, err: error }, `a node did not answer a claim: ${messageOf(error)}`)
    }
    return 'later'
  }

  /** Until it is time to look again. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    const rests = [...this.#asked.values()].flatMap(({ busy, restUntil }) => (busy ? [] : [restUntil]))
    const ms = rests.reduce((least, until) => Math.min(least, until - clock.monotonic()), LOOK_MS)
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await clock.sleep(Math.max(1, ms), AbortSignal.any([signal, woken.signal])).catch(() => undefined)
  }
}
