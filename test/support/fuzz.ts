// How random tests run: BERTH_SEED replays one (fast-check prints the seed of a failure), BERTH_LONG runs twenty times as many.

const seed = process.env.BERTH_SEED === undefined ? {} : { seed: Number(process.env.BERTH_SEED) }

/** Parameters for `fc.assert`. */
export const runs = (count: number): { readonly numRuns: number; readonly seed?: number } => ({
  ...seed,
  numRuns: process.env.BERTH_LONG === undefined ? count : count * 20,
})
