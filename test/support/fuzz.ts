// How often random tests run: BERTH_LONG has them run twenty times as often.

/** Parameters for `fc.assert`. */
export const runs = (count: number): { readonly numRuns: number } => ({
  numRuns: process.env.BERTH_LONG === undefined ? count : count * 20,
})
