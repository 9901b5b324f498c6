// Waiting for what real programs do, with a deadline and words for what was missing.
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject } from '../../lib/object.ts'

const EVERY_MS = 50

/**
 * The first value of `look` that is not null, undefined or false. An error of `look` is a "not yet"; the last one is the cause when
 * the time is over. `describe` says what was seen instead.
 */
export async function waitFor<T>(
  what: string,
  seconds: number,
  look: () => Promise<T> | T,
  describe: () => Promise<string> | string = () => '',
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + seconds * 1000
  let cause: unknown
  for (;;) {
    try {
      const seen = await look()
      cause = undefined
      if (seen !== null && seen !== undefined && seen !== false) return seen as NonNullable<Exclude<T, false>>
    } catch (error) {
      cause = error
    }
    if (performance.now() > deadline) break
    await sleep(EVERY_MS)
  }
  const instead = await Promise.resolve(describe()).catch(() => '')
  throw new Error(`not within ${seconds} s: ${what}${instead === '' ? '' : `\nseen instead: ${instead}`}`, { cause })
}

/** The object that `look` gives, once it is as wanted. A server that is away meanwhile is waited for. */
export async function until<T extends KubeObject>(
  what: string,
  seconds: number,
  look: () => Promise<T>,
  wanted: (object: T) => boolean,
): Promise<T> {
  let last: T | undefined
  return await waitFor(
    `${what}: ${wanted}`,
    seconds,
    async () => {
      last = await look()
      return wanted(last) ? last : null
    },
    () => JSON.stringify(last?.status ?? last, null, 1),
  )
}

/** `look` must stay true for so long; for "nothing happens". */
export async function staysSo(what: string, seconds: number, look: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    if (!(await look())) throw new Error(`no longer so within ${seconds} s: ${what}`)
    await sleep(EVERY_MS)
  }
}
