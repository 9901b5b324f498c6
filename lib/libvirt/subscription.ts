// One consumer's bounded queue of events. A slow consumer never holds back the connection: what does not fit is
// counted, and the count is an item at the place of the gap.

/** Events that this consumer was too slow for; it should look at the present state itself. */
export interface Dropped {
  readonly kind: 'dropped'
  readonly count: number
}

/** The subscription was made anew on a new connection; whatever happened in between was missed. */
export interface Reconnected {
  readonly kind: 'reconnected'
}

interface Item {
  readonly kind: string
}

/** Bytes on the wire of the events that may wait for one consumer. */
const CAPACITY_BYTES = 16_777_216

const isDropped = (item: Item | undefined): item is Dropped => item?.kind === 'dropped'

const RECONNECTED: Reconnected = { kind: 'reconnected' }

/** An async iterable of events and notices, for one consumer. */
export class Subscription<T extends Item> implements AsyncIterable<T | Dropped | Reconnected> {
  /**
   * Resolves when libvirt has confirmed the first registration: what happens from then on will be seen. Rejects
   * when libvirt refuses it, or when the subscription is closed before.
   */
  readonly ready: Promise<void>
  readonly #capacity: number
  readonly #onClose: () => void
  readonly #queue: { readonly item: T | Dropped | Reconnected; readonly bytes: number }[] = []
  #bytes = 0
  #waiting: { resolve: () => void } | undefined
  #closed = false
  #error: unknown
  #settleReady: { readonly resolve: () => void; readonly reject: (error: unknown) => void }

  /** `onClose` is called once, when the consumer has finished or the subscription failed. */
  constructor(capacity: number, onClose: () => void) {
    this.#capacity = capacity
    this.#onClose = onClose
    const { promise, resolve, reject } = deferred()
    promise.catch(() => undefined) // whoever does not wait for it sees the error while iterating
    this.ready = promise
    this.#settleReady = { resolve, reject }
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The registration is in place. */
  confirm(): void {
    this.#settleReady.resolve()
  }

  /** `bytes` is what the event took on the wire. */
  push(item: T, bytes = 0): void {
    if (this.#closed) return
    const last = this.#queue.at(-1)?.item
    const fits = this.#queue.length < this.#capacity && this.#bytes + bytes <= CAPACITY_BYTES
    if (fits) this.#add(item, bytes)
    else {
      const gap = isDropped(last)
      if (gap) this.#queue.pop()
      this.#add({ kind: 'dropped', count: gap ? last.count + 1 : 1 }, 0)
    }
    this.#wake()
  }

  #add(item: T | Dropped | Reconnected, bytes: number): void {
    this.#queue.push({ item, bytes })
    this.#bytes += bytes
  }

  /** A notice that is never dropped. */
  reconnected(): void {
    if (this.#closed || this.#queue.at(-1)?.item === RECONNECTED) return
    this.#add(RECONNECTED, 0)
    this.#wake()
  }

  /** Ends the iteration after what is queued; with an error, by throwing it. */
  close(error?: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#error = error
    this.#settleReady.reject(error ?? new Error('the subscription was closed'))
    this.#onClose()
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T | Dropped | Reconnected, void, undefined> {
    try {
      for (;;) {
        const next = this.#queue.shift()
        if (next !== undefined) {
          this.#bytes -= next.bytes
          yield next.item
        } else if (this.#closed) {
          if (this.#error !== undefined) throw this.#error
          return
        } else {
          await new Promise<void>((resolve) => {
            this.#waiting = { resolve }
          })
        }
      }
    } finally {
      this.close()
    }
  }

  #wake(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve: () => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
