// How random tests run: BERTH_SEED replays one (fast-check prints the seed of a failure), BERTH_LONG runs twenty times as many.
import { seed } from './seed.ts'

/** Parameters for `fc.assert`. */
export const runs = (count: number): { readonly numRuns: number; readonly seed: number } => ({
  seed: seed(),
  numRuns: process.env.BERTH_LONG === undefined ? count : count * 20,
})
