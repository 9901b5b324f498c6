// One way of a connection: what is sent arrives in order; what is sent over a cut line waits for its healing, as TCP has it.
import type { Network } from './network.ts'
import type { Life, Timeline } from './time.ts'

export interface StreamOptions {
  readonly timeline: Timeline
  readonly network: Network
  readonly sender: string
  readonly receiver: string
  readonly life: Life
  /** Nothing was heard of the other side for too long. */
  readonly onLost: () => void
}

/** As the keepalive of the kernel's sockets under the real client. */
const KEEPALIVE_MS = 60_000

export class Stream {
  readonly #options: StreamOptions
  readonly #underway: { readonly at: number; readonly arrive: () => void }[] = []
  readonly #unsubscribe: () => void
  #lastAt = 0
  #open = true
  #silentSince: number | null = null
  #gone = false

  constructor(options: StreamOptions) {
    this.#options = options
    this.#unsubscribe = options.network.onChange(() => this.#lineChanged())
  }

  send(arrive: () => void): void {
    const { timeline, network, sender, receiver } = this.#options
    const at = Math.max(this.#lastAt, timeline.now + network.latency(sender, receiver))
    this.#lastAt = at
    this.#underway.push({ at, arrive })
    timeline.after(at - timeline.now, () => this.#pump())
  }

  /** The sender's machine went away without a word. */
  vanish(): void {
    this.#gone = true
    this.#lineChanged()
  }

  close(): void {
    this.#open = false
    this.#unsubscribe()
  }

  get #silent(): boolean {
    const { network, sender, receiver } = this.#options
    return this.#gone || !network.reaches(sender, receiver)
  }

  #pump(): void {
    const { timeline, life } = this.#options
    while (this.#open && !this.#silent) {
      const [first] = this.#underway
      if (first === undefined || first.at > timeline.now) return
      this.#underway.shift()
      life.whenAwake(() => {
        timeline.alive()
        if (this.#open) first.arrive()
      })
    }
  }

  #lineChanged(): void {
    const { timeline, onLost } = this.#options
    if (!this.#silent) {
      this.#silentSince = null
      this.#pump()
      return
    }
    if (this.#silentSince !== null) return
    const since = timeline.now
    this.#silentSince = since
    timeline.after(KEEPALIVE_MS, () => {
      if (this.#open && this.#silentSince === since) onLost()
    })
  }
}
