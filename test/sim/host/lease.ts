// A host's lease: renewed every 5 s, valid on the host's own boot clock from the moment of asking.
import {
  type LeaseAnswer,
  type LeaseAsk,
  type LeaseEvidence,
  RENEW_EVERY_MS,
} from '../../../schemas/cluster/leaserenewal.ts'
import type { Life } from '../time.ts'

export interface LeaseOptions {
  readonly node: string
  readonly life: Life
  readonly bootId: string
  readonly evidence: readonly LeaseEvidence[]
  /** Machines that may be failed over. */
  readonly machines: () => LeaseAsk['machines']
  /** Asks the scheduler. @throws when it gives no answer */
  readonly ask: (ask: LeaseAsk) => Promise<LeaseAnswer>
  /** After each renewal: boot clock, ms, at which the lease ends. */
  readonly onRenewed: (until: number) => void
  /** That is about to be asked. */
  readonly onAsk: (ask: LeaseAsk) => void
  /** That was answered. */
  readonly onAnswer: (ask: LeaseAsk, answer: LeaseAnswer) => void
}

export class Lease {
  readonly #options: LeaseOptions
  /** A new agent has none: what an earlier one had is not known to it. */
  #until = 0
  readonly #confirmed = new Map<string, number>()

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  get holds(): boolean {
    return this.#options.life.monotonic() < this.#until
  }

  /** The scheduler has said, in this lease, that the machine is this host's by that epoch. */
  confirms(uid: string, epoch: number): boolean {
    return this.holds && this.#confirmed.get(uid) === epoch
  }

  start(): void {
    void this.#loop()
  }

  async #loop(): Promise<void> {
    const { life, node, bootId, evidence, machines } = this.#options
    while (life.alive) {
      const sent = life.monotonic()
      const named = machines()
      const shown = named.some(({ fenced }) => fenced === true) ? evidence : []
      const ask = { node, bootId, sentAt: Math.floor(sent), machines: named, evidence: shown, others: [] }
      this.#options.onAsk(ask)
      this.#options.ask(ask).then(
        (answer) => this.#renewed(ask, answer, sent),
        () => undefined,
      )
      await life.sleep(RENEW_EVERY_MS)
    }
  }

  #renewed(ask: LeaseAsk, answer: LeaseAnswer, sent: number): void {
    const { machines } = ask
    this.#options.onAnswer(ask, answer)
    if (!this.holds) this.#confirmed.clear()
    this.#until = Math.max(this.#until, sent + answer.leaseSeconds * 1000)
    for (const { uid, epoch } of machines)
      if (answer.confirmed.includes(uid)) this.#confirmed.set(uid, epoch)
      else this.#confirmed.delete(uid)
    this.#options.onRenewed(this.#until)
  }
}
