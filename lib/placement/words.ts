// Amounts in words.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `2.1 GiB`, `512 MiB`, `0 GiB`. Rounded for people. */
export function sizeWords(bytes: number): string {
  if (bytes <= 0) return '0 GiB'
  let step = 0
  let value = bytes
  while (value >= 1024 && step < UNITS.length - 1) {
    value /= 1024
    step += 1
  }
  return `${trimmed(value, 1)} ${UNITS[step]}`
}

/** `1.5 cores`, `1 core`. */
export const coreWords = (milli: number): string => (milli === 1000 ? '1 core' : `${trimmed(milli / 1000, 3)} cores`)

const trimmed = (value: number, digits: number): string => String(Number(value.toFixed(digits)))

/** `1 node`, `3 nodes`. */
export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
