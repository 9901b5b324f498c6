// One signal from several, without leaving anything behind on the long-lived ones (AbortSignal.any keeps what it made until they end).
import { setMaxListeners } from 'node:events'

/** Aborts when a parent does, when `abort` is called, or after `timeoutMs`. Call `release` when the work is over. */
export interface LinkedAbort {
  readonly signal: AbortSignal
  /** It was the time that ended it. */
  readonly isLate: boolean
  abort(reason?: unknown): void
  release(): void
}

/** One that has aborted already when a parent has. @param timeoutMs none unless told */
export function linkedAbort(parents: readonly AbortSignal[], timeoutMs?: number): LinkedAbort {
  const controller = new AbortController()
  let isLate = false
  const abort = (reason?: unknown) => controller.abort(reason)
  const followed = parents.map((parent) => ({ parent, follow: () => abort(parent.reason) }))
  for (const { parent, follow } of followed) {
    if (parent.aborted) follow()
    else {
      // Each is released, so that eleven at once are no leak, of which Node would warn on the standard error.
      setMaxListeners(0, parent)
      parent.addEventListener('abort', follow, { once: true })
    }
  }
  const late = () => {
    isLate = !controller.signal.aborted
    abort(new Error('timed out'))
  }
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs)
  return {
    signal: controller.signal,
    get isLate() {
      return isLate
    },
    abort,
    release: () => {
      clearTimeout(timer)
      for (const { parent, follow } of followed) parent.removeEventListener('abort', follow)
    },
  }
}
