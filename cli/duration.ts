// Durations as people write and read them.
import { UsageError } from './usage.ts'

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
/** A day: longer waits are a mistake. */
const LONGEST_MS = 86_400_000

/** `90s`, `5m`, `1h30m`, `500ms`; a bare number is seconds. In milliseconds, over 0 and up to a day. @throws UsageError */
export function parseDuration(text: string): number {
  const bare = /^\d+$/.test(text) ? `${text}s` : text
  if (!/^(\d+(ms|s|m|h))+$/.test(bare)) throw new UsageError(`"${text}" is not a duration: write 30s, 5m or 1h30m`)
  let ms = 0
  for (const [, count, unit] of bare.matchAll(/(\d+)(ms|s|m|h)/g)) ms += Number(count) * (UNIT_MS[unit ?? ''] ?? 0)
  if (ms <= 0 || ms > LONGEST_MS) throw new UsageError(`"${text}" is out of range: more than 0, up to 24h`)
  return ms
}

/** A moment in the past: `12h` or `7d` ago, or an RFC 3339 time. In milliseconds since the epoch. @throws UsageError */
export function parseSince(text: string, now: number): number {
  const days = /^(\d{1,5})d$/.exec(text)?.[1]
  if (days !== undefined) return now - Number(days) * LONGEST_MS
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? now - parseDuration(text) : time
}

/** Short age as kubectl prints it: `5s`, `3m20s`, `7m`, `5h10m`, `3d4h`, `120d`. Not negative. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  if (days < 8) return pair(days, 'd', hours % 24, 'h')
  return days < 730 ? `${days}d` : pair(Math.floor(days / 365), 'y', days % 365, 'd')
}

const pair = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  `${large}${largeUnit}${small === 0 ? '' : `${small}${smallUnit}`}`

/** Age of an RFC 3339 time, or `<unknown>`. */
export function ageOf(time: unknown, now: number): string {
  const then = typeof time === 'string' ? Date.parse(time) : Number.NaN
  return Number.isNaN(then) ? '<unknown>' : age(now - then)
}
