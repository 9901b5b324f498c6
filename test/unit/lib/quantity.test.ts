import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  canonicalQuantity,
  formatBytes,
  humanBytes,
  QuantityError,
  quantityProblem,
  toBytes,
  toMilli,
} from '../../../lib/quantity.ts'

describe('reading', () => {
  it.each([
    ['0', 0n],
    ['1', 1n],
    [1024, 1024n],
    ['+5', 5n],
    ['-5', -5n],
    ['1Ki', 1024n],
    ['1Mi', 1n << 20n],
    ['1.5Gi', 3n << 29n],
    ['.5Gi', 1n << 29n],
    ['2.Ti', 2n << 40n],
    ['1Pi', 1n << 50n],
    ['7Ei', 7n << 60n],
    ['1k', 1000n],
    ['1M', 1_000_000n],
    ['1G', 1_000_000_000n],
    ['1T', 10n ** 12n],
    ['1P', 10n ** 15n],
    ['9E', 9n * 10n ** 18n],
    ['12e6', 12_000_000n],
    ['12E6', 12_000_000n],
    ['15e-1', 2n],
    ['1m', 1n],
    ['1001m', 2n],
    ['-1001m', -2n],
    ['1n', 1n],
    ['0.0000000000001', 1n],
    ['9223372036854775807', 2n ** 63n - 1n],
  ])('%s is %s bytes', (text, bytes) => {
    expect(toBytes(text)).toBe(bytes)
    expect(quantityProblem(text)).toBeNull()
  })

  it.each([
    ['1', 1000n],
    ['0.5', 500n],
    ['250m', 250n],
    ['1u', 1n],
    ['2k', 2_000_000n],
    [3, 3000n],
  ])('%s is %s thousandths', (text, milli) => expect(toMilli(text)).toBe(milli))

  it.each([
    ['', /begin with a number/],
    ['Gi', /begin with a number/],
    ['.', /begin with a number/],
    ['-', /begin with a number/],
    ['1\n', /begin with a number/],
    ['1 Gi', /unknown unit " Gi"/],
    ['1GB', /unknown unit "GB"/],
    ['1gi', /unknown unit "gi"/],
    ['1K', /unknown unit "K"/],
    ['1e', /unknown unit "e"/],
    ['1e1.5', /unknown unit/],
    ['1e37', /unknown unit/],
    ['1.2.3', /unknown unit ".3"/],
    ['0x10', /unknown unit/],
    ['8Ei', /too large/],
    ['9223372036854775808', /too large/],
    ['1e36', /too large/],
    ['9'.repeat(65), /no longer than 64/],
    [1.5, /whole number/],
    [2 ** 53, /whole number/],
    [Number.NaN, /whole number/],
  ])('%j is refused in words', (text, words) => {
    expect(quantityProblem(text)).toMatch(words)
    expect(() => toBytes(text)).toThrow(QuantityError)
    expect(() => canonicalQuantity(text)).toThrow(words)
  })
})

describe('writing', () => {
  it.each([
    ['1024Mi', '1Gi'],
    ['0.5Gi', '512Mi'],
    ['1.5Gi', '1536Mi'],
    ['1023', '1023'],
    ['1Ki', '1Ki'],
    ['0.5Ki', '512'],
    ['0.1Ki', '102400m'],
    ['0', '0'],
    ['-0', '0'],
    ['1000', '1k'],
    ['1500M', '1500M'],
    ['1.5G', '1500M'],
    ['1.5', '1500m'],
    ['-2048Ki', '-2Mi'],
    ['10000e3', '10e6'],
    ['100e0', '100'],
    ['15e-1', '1500e-3'],
    ['0.0000000001', '1n'],
    [2048, '2048'],
  ])('%s is %s', (text, canonical) => expect(canonicalQuantity(text)).toBe(canonical))

  it('writes bytes and reads thousandths without loss', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (value) => {
        expect(toBytes(formatBytes(value))).toBe(value)
        expect(toMilli(`${value}m`)).toBe(value)
      }),
    )
  })

  it('has one canonical text per value and family', () => {
    const unit = fc.constantFrom('', 'Ki', 'Mi', 'Gi', 'm', 'k', 'M', 'G', 'e3', 'e-2')
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(999), unit, (whole, part, suffix) => {
        const text = `${whole}.${String(part).padStart(3, '0')}${suffix}`
        const canonical = canonicalQuantity(text)
        expect(canonicalQuantity(canonical)).toBe(canonical)
        expect(toBytes(canonical)).toBe(toBytes(text))
        expect(canonical).not.toContain('.')
      }),
    )
  })

  it.each([
    [0n, '0'],
    [512n, '512'],
    [1023n, '1023'],
    [1024n, '1Ki'],
    [299_787_879n, '285.9Mi'],
    [2_684_354_560n, '2.5Gi'],
  ])('%s bytes are %s for people', (bytes, text) => expect(humanBytes(bytes)).toBe(text))
})

it('reads whatever text without running away', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      const problem = quantityProblem(text)
      if (problem === null) expect(() => toBytes(text)).not.toThrow()
      else expect(problem.length).toBeGreaterThan(5)
    }),
  )
})
