// Numbers that look random and come from a seed alone. Whoever decides has a stream of its own, so that what one of them draws does
// not depend on how fast the others are.
import { createHash } from 'node:crypto'

export class Random {
  #state: number

  /** @param stream who draws; each name has its own sequence */
  constructor(seed: number, stream: string) {
    this.#state = createHash('sha256').update(`${seed} ${stream}`).digest().readInt32LE()
  }

  /** From 0 to below 1. mulberry32: small, and the same everywhere. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** An integer from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  /** So many of the list, each once. */
  some<T>(list: readonly T[], count: number): readonly T[] {
    const drawn = list.map((item) => ({ item, place: this.next() })).sort((one, other) => one.place - other.place)
    return drawn.slice(0, count).map(({ item }) => item)
  }
}

/** The item at a place between 0 and 1; undefined of an empty list. Does not draw: the caller has drawn already. */
export const itemAt = <T>(list: readonly T[], place: number): T | undefined => list[Math.floor(place * list.length)]

/** Which of the weighted choices `place` (0 to below 1) falls on. */
export function weighted<T extends string>(weights: Readonly<Record<T, number>>, place: number): T {
  const entries = Object.entries<number>(weights) as [T, number][]
  let left = place * entries.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [choice, weight] of entries) {
    left -= weight
    if (left < 0) return choice
  }
  throw new Error('there is nothing to choose from')
}
