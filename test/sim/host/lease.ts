// A host's lease: renewed every 5 s, valid on the host's own clock from the moment of asking. What ends failover machines when it is over.
import {
  LEASE_SECONDS,
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
  /** Machines that wait for the scheduler to say that they are still this host's. */
  readonly unconfirmed: () => LeaseAsk['machines']
  /** Asks the scheduler. @throws when it gives no answer */
  readonly ask: (ask: LeaseAsk) => Promise<LeaseAnswer>
  readonly onAnswer: (answer: LeaseAnswer) => void
}

export class Lease {
  readonly #options: LeaseOptions
  /** On CLOCK_BOOTTIME. A new agent has none: what an earlier one had is not known to it. */
  #validUntil = 0

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /** CLOCK_BOOTTIME at which it ends, ms. */
  get validUntil(): number {
    return this.#validUntil
  }

  get valid(): boolean {
    return this.#options.life.monotonic() < this.#validUntil
  }

  start(): void {
    void this.#loop()
  }

  async #loop(): Promise<void> {
    const { life, node, bootId, evidence, unconfirmed, ask, onAnswer } = this.#options
    while (life.alive) {
      const sent = life.monotonic()
      ask({ node, bootId, machines: unconfirmed(), evidence }).then(
        (answer) => {
          this.#validUntil = Math.max(this.#validUntil, sent + answer.leaseSeconds * 1000)
          onAnswer(answer)
        },
        () => undefined,
      )
      await life.sleep(RENEW_EVERY_MS)
    }
  }
}

export const LEASE_MS = LEASE_SECONDS * 1000
