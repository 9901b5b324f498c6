// Durations as Go prints them, which is what DVP's status fields hold.

/** `0s`, `42s`, `1m30s`, `2h0m5s`; whole seconds, negative ones count as none. */
export function goDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  if (h > 0) return `${h}h${m}m${s}s`
  return m > 0 ? `${m}m${s}s` : `${s}s`
}
