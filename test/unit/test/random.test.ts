import { describe, expect, it } from 'vitest'
import { itemAt, Random, weighted } from '../../chaos/random.ts'

const drawn = (seed: number, stream: string): readonly number[] => {
  const random = new Random(seed, stream)
  return Array.from({ length: 20 }, () => random.next())
}

describe('random numbers of a seed', () => {
  it('are the same for the same seed and stream, and others for others', () => {
    expect(drawn(1, 'a')).toEqual(drawn(1, 'a'))
    expect(drawn(1, 'a')).not.toEqual(drawn(1, 'b'))
    expect(drawn(1, 'a')).not.toEqual(drawn(2, 'a'))
  })

  it('do not depend on what other streams draw', () => {
    const [one, other] = [new Random(7, 'one'), new Random(7, 'other')]
    const mixed = Array.from({ length: 20 }, () => [one.next(), other.next(), other.next()][0])
    expect(mixed).toEqual(drawn(7, 'one'))
  })

  it('stay within their bounds and reach them', () => {
    const random = new Random(3, 'bounds')
    const seen = new Set(Array.from({ length: 200 }, () => random.between(2, 5)))
    expect([...seen].sort()).toEqual([2, 3, 4, 5])
  })

  it('draw some of a list, each once', () => {
    const list = Array.from({ length: 50 }, (_, index) => index)
    const some = new Random(5, 'some').some(list, 20)
    expect([some.length, new Set(some).size]).toEqual([20, 20])
    expect(new Random(5, 'some').some(list, 20)).toEqual(some)
    expect(new Random(6, 'some').some(list, 20)).not.toEqual(some)
    expect([...new Random(5, 'all').some(list, 99)].sort((one, other) => one - other)).toEqual(list)
  })

  it('choose by place and by weight', () => {
    expect(itemAt([], 0.5)).toBeUndefined()
    expect([0, 0.49, 0.5, 0.99].map((place) => itemAt(['a', 'b'], place))).toEqual(['a', 'a', 'b', 'b'])
    const weights = { rare: 1, often: 3 }
    expect([0, 0.24, 0.26, 0.99].map((place) => weighted(weights, place))).toEqual(['rare', 'rare', 'often', 'often'])
  })
})
