// Several abort signals as one, without leaving anything behind on those that live long.
// (`AbortSignal.any` keeps memory per call on its sources in Node 20, and a pool's own signal lives as long as it.)

/** A signal that aborts with the first of `sources`. Call `release` when it is not needed any more. */
export function anyOf(sources: readonly (AbortSignal | undefined)[]): {
  readonly signal: AbortSignal
  readonly release: () => void
} {
  const controller = new AbortController()
  const present = sources.filter((source) => source !== undefined)
  const onAbort = (event: Event) => controller.abort((event.target as AbortSignal).reason)
  const release = () => {
    for (const source of present) source.removeEventListener('abort', onAbort)
  }
  const aborted = present.find((source) => source.aborted)
  if (aborted !== undefined) controller.abort(aborted.reason)
  else for (const source of present) source.addEventListener('abort', onAbort, { once: true })
  return { signal: controller.signal, release }
}
