// Chance in one hand: while a run lasts, uids and jitter come from its seed, so that the same seed gives the same run.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { Random } from '../chaos/random.ts'

const HEX = '0123456789abcdef'

/** Replaces the sources of chance of this process while `work` runs. One run at a time. */
export async function withSeed<T>(seed: number, work: () => Promise<T>): Promise<T> {
  const { randomUUID } = crypto
  const { random } = Math
  const uids = new Random(seed, 'uids')
  const jitter = new Random(seed, 'jitter')
  crypto.randomUUID = () => {
    const digits = Array.from({ length: 32 }, () => HEX[uids.between(0, 15)] ?? '0')
    digits[12] = '4'
    digits[16] = '8'
    const text = digits.join('')
    return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`
  }
  Math.random = () => jitter.next()
  syncBuiltinESMExports()
  try {
    return await work()
  } finally {
    crypto.randomUUID = randomUUID
    Math.random = random
    syncBuiltinESMExports()
  }
}
