import { expect, it } from 'vitest'
import { DH_PARAMS } from '../../../../agent/membership/dh-params.ts'

/** Of an ASN.1 element at `from` with definite length. */
function element(der: Buffer, from: number): { readonly tag: number; readonly body: Buffer; readonly end: number } {
  const first = der.readUInt8(from + 1)
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  const length = lengthBytes === 0 ? first : der.readUIntBE(from + 2, lengthBytes)
  const begin = from + 2 + lengthBytes
  return { tag: der.readUInt8(from), body: der.subarray(begin, begin + length), end: begin + length }
}

const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)

/** floor(2^bits × e), by its series, with room for what the divisions cut off. */
function powerTimesE(bits: bigint): bigint {
  const spare = 64n
  let term = 1n << (bits + spare)
  let sum = 0n
  for (let n = 1n; term > 0n; term /= n++) sum += term
  return sum >> spare
}

it('is the group that RFC 7919 defines by a formula (A.2)', () => {
  const base64 = DH_PARAMS.split('\n').slice(1, -2).join('')
  const sequence = element(Buffer.from(base64, 'base64'), 0)
  const prime = element(sequence.body, 0)
  const generator = element(sequence.body, prime.end)
  expect([sequence.tag, prime.tag, generator.tag, generator.end]).toEqual([0x30, 2, 2, sequence.body.length])
  expect(numberOf(generator.body)).toBe(2n)
  expect(numberOf(prime.body)).toBe(2n ** 3072n - 2n ** 3008n + (powerTimesE(2942n) + 2625351n) * 2n ** 64n - 1n)
})
