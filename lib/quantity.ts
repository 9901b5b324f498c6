// Kubernetes resource quantities (`1.5Gi`, `250m`, `12e6`): exact reading into bigint, canonical text back.

/** How a quantity was written; kept in its canonical text. */
type Family = 'binary' | 'decimal' | 'exponent'

/** A quantity read: billionths of one unit, the finest that Kubernetes knows. */
export interface Quantity {
  readonly nano: bigint
  readonly family: Family
}

export type QuantityResult =
  | { readonly ok: true; readonly quantity: Quantity }
  /** Words that go on from "the quantity …" or "size …". */
  | { readonly ok: false; readonly message: string }

/** Thrown by the functions that want a number and get nonsense. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError'
}

const NANO = 1_000_000_000n
/** Kubernetes' largest quantity: what fits 63 bits, in whole units. */
const MAX_NANO = (2n ** 63n - 1n) * NANO
const MAX_TEXT = 64
const MAX_EXPONENT = 36

const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const

const SHAPE = /^([+-]?)(\d*)(?:\.(\d*))?(.*)$/
const EXPONENT = /^[eE]([+-]?\d+)$/

const bad = (message: string): QuantityResult => ({ ok: false, message })

/** Reads a quantity. Finer than a billionth is rounded away from zero, as Kubernetes does. */
export function readQuantity(input: string | number): QuantityResult {
  if (typeof input === 'number' && !Number.isSafeInteger(input)) return bad('must be a whole number or text')
  const text = String(input)
  if (text.length > MAX_TEXT) return bad(`must be no longer than ${MAX_TEXT} characters`)
  const [, sign = '', whole = '', fraction = '', suffix = ''] = SHAPE.exec(text) ?? []
  if (whole === '' && fraction === '') return bad('must begin with a number, such as 512Mi or 1.5Gi')
  const unit = unitOf(suffix)
  if (!unit) {
    return bad(
      `has the unknown unit "${suffix}"; known are Ki Mi Gi Ti Pi Ei, n u m k M G T P E, and exponents like e6`,
    )
  }
  // digits * factor * 10^power, scaled to nano
  const power = unit.power + 9 - fraction.length
  const scaled = BigInt(whole + fraction) * unit.factor
  const nano = power >= 0 ? scaled * 10n ** BigInt(power) : divideUp(scaled, 10n ** BigInt(-power))
  if (nano > MAX_NANO) return bad('is too large; the largest is 2^63 - 1')
  return { ok: true, quantity: { nano: sign === '-' ? -nano : nano, family: unit.family } }
}

interface Unit {
  readonly factor: bigint
  readonly power: number
  readonly family: Family
}

function unitOf(suffix: string): Unit | null {
  const binary = BINARY.indexOf(suffix as (typeof BINARY)[number])
  if (binary > 0) return { factor: 1024n ** BigInt(binary), power: 0, family: 'binary' }
  const decimal = DECIMAL.indexOf(suffix as (typeof DECIMAL)[number])
  if (decimal >= 0) return { factor: 1n, power: (decimal - 3) * 3, family: 'decimal' }
  const exponent = Number(EXPONENT.exec(suffix)?.[1] ?? Number.NaN)
  if (Math.abs(exponent) <= MAX_EXPONENT) return { factor: 1n, power: exponent, family: 'exponent' }
  return null
}

/** Division of non-negative numbers, rounded up. */
const divideUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b

/** What is wrong with a quantity, in words, or null. */
export function quantityProblem(input: string | number): string | null {
  const result = readQuantity(input)
  return result.ok ? null : result.message
}

/** Whole units (bytes, cores), parts rounded away from zero. Throws {@link QuantityError}. */
export const toUnits = (input: string | number): bigint => scale(input, NANO)

/** Bytes of a size; another name of {@link toUnits}, for reading. */
export const toBytes = toUnits

/** Thousandths, finer parts rounded away from zero: `0.5` and `500m` are 500. Throws {@link QuantityError}. */
export const toMilli = (input: string | number): bigint => scale(input, NANO / 1000n)

function scale(input: string | number, unit: bigint): bigint {
  const result = readQuantity(input)
  if (!result.ok) throw new QuantityError(`the quantity ${JSON.stringify(input)} ${result.message}`)
  const { nano } = result.quantity
  return nano < 0n ? -divideUp(-nano, unit) : divideUp(nano, unit)
}

/** Bytes as text without loss: `1Gi`, `1536Mi`, `1000`. */
export const formatBytes = (bytes: bigint): string => format({ nano: bytes * NANO, family: 'binary' })

/**
 * The one text among those that mean the same: no fraction, the largest unit of the family in which it was written.
 * `1024Mi` is `1Gi`, `0.5Gi` is `512Mi`, `1.5` is `1500m`. Throws {@link QuantityError}.
 */
export function canonicalQuantity(input: string | number): string {
  const result = readQuantity(input)
  if (!result.ok) throw new QuantityError(`the quantity ${JSON.stringify(input)} ${result.message}`)
  return format(result.quantity)
}

function format({ nano, family }: Quantity): string {
  if (nano === 0n) return '0'
  const sign = nano < 0n ? '-' : ''
  const size = nano < 0n ? -nano : nano
  // Small or broken numbers have no binary form.
  if (family === 'binary' && size % NANO === 0n && size >= 1024n * NANO) {
    const [mantissa, steps] = reduce(size / NANO, 1024n, BINARY.length - 1)
    return `${sign}${mantissa}${BINARY[steps]}`
  }
  const [mantissa, steps] = reduce(size, 1000n, DECIMAL.length - 1)
  if (family !== 'exponent') return `${sign}${mantissa}${DECIMAL[steps]}`
  const exponent = (steps - 3) * 3
  return `${sign}${mantissa}${exponent === 0 ? '' : `e${exponent}`}`
}

/** Takes a factor out as often as it goes without a rest, at most `limit` times. */
function reduce(value: bigint, factor: bigint, limit: number): [mantissa: bigint, steps: number] {
  let steps = 0
  let mantissa = value
  while (steps < limit && mantissa % factor === 0n) {
    mantissa /= factor
    steps += 1
  }
  return [mantissa, steps]
}

/** Bytes for people, with one decimal and loss: `285.9Mi`, `2.5Gi`, `512`. */
export function humanBytes(bytes: bigint): string {
  let step = 0
  while (step < BINARY.length - 1 && bytes >= 1024n ** BigInt(step + 1)) step += 1
  const tenths = (bytes * 10n) / 1024n ** BigInt(step)
  const rest = tenths % 10n
  return `${tenths / 10n}${rest === 0n ? '' : `.${rest}`}${BINARY[step]}`
}
