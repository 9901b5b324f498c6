// Long work in slices, so that others get their turn of the event loop in between.

/** Longest slice, ms. */
const SLICE_MS = 8
/** Items between two looks at the clock. */
const LOOK_EVERY = 16

/** What `make` gives for each item, in order. */
export async function inSlices<T, R>(items: readonly T[], make: (item: T) => R): Promise<R[]> {
  const made: R[] = []
  let began = performance.now()
  for (const item of items) {
    made.push(make(item))
    if (made.length % LOOK_EVERY !== 0 || performance.now() - began < SLICE_MS) continue
    await new Promise((resolve) => setImmediate(resolve))
    began = performance.now()
  }
  return made
}
