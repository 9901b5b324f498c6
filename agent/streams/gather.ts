// Small packets into larger ones: a guest's console gives bytes one by one, a message costs the same for one as for many.
import type { Clock } from '../../lib/clock.ts'

export interface GatherOptions {
  readonly clock: Clock
  /** How long the first byte may wait for others, ms. */
  readonly waitMs: number
  /** Size of a packet at most. */
  readonly maxBytes: number
}

const LATE = Symbol('late')

/** The bytes of `source` in order, in packets of up to `maxBytes`. An error comes after the bytes before it. */
export async function* gather(source: AsyncIterable<Uint8Array>, options: GatherOptions): AsyncIterable<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  const ask = () => {
    const next = iterator.next()
    // It may fail while nobody waits for it; whoever asks next hears of it.
    next.catch(() => undefined)
    return next
  }
  let next = ask()
  try {
    for (;;) {
      const first = await next
      if (first.done) return
      const parts = [first.value]
      let size = first.value.length
      const timer = lateAfter(options)
      next = ask()
      while (size < options.maxBytes) {
        const more = await Promise.race([next, timer.late]).catch(() => LATE)
        if (more === LATE || typeof more === 'symbol' || more.done) break
        parts.push(more.value)
        size += more.value.length
        next = ask()
      }
      timer.cancel()
      yield* slices(parts.length === 1 ? first.value : Buffer.concat(parts), options.maxBytes)
    }
  } finally {
    // Not awaited: it waits behind a pending read, which the owner of the source ends.
    iterator.return?.().catch(() => undefined)
  }
}

function lateAfter({ clock, waitMs }: GatherOptions): { readonly late: Promise<typeof LATE>; cancel(): void } {
  const controller = new AbortController()
  const late = clock.sleep(waitMs, controller.signal).then(
    () => LATE,
    () => LATE,
  ) as Promise<typeof LATE>
  return { late, cancel: () => controller.abort() }
}

function* slices(bytes: Uint8Array, maxBytes: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += maxBytes) yield bytes.subarray(at, at + maxBytes)
}
