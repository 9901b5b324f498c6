// A limit for what has none of its own, and what cannot be called back.
import type { Clock } from './clock.ts'
import { linkedAbort } from './linked-abort.ts'

/** What `work` comes to. @throws Error `late` in words after `ms`, or the signal's reason; `work` goes on all the same */
export async function inTime<T>(
  clock: Pick<Clock, 'sleep'>,
  work: Promise<T>,
  { ms, late }: { readonly ms: number; readonly late: string },
  signal: AbortSignal,
): Promise<T> {
  const over = linkedAbort([signal])
  const tooLate = clock.sleep(ms, over.signal).then(() => {
    throw new Error(late)
  })
  try {
    return await Promise.race([work, tooLate])
  } finally {
    over.release()
    over.abort()
  }
}
