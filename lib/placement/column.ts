// One number of each known host, by slot, as a flat list of which any moment can be kept.
import type { KnownHost } from './host.ts'

/** A number that is read of a host. Equal keys read the same. */
export interface Measure {
  readonly key: string
  readonly read: (host: KnownHost) => number
}

/** A column at one moment: never changed. */
export interface Numbers {
  at(slot: number): number
  /** Of all hosts. */
  readonly sum: number
}

/** Hosts in one chunk, as a power of two: what one change copies at most. */
const SHIFT = 6
const MASK = (1 << SHIFT) - 1

/** What was handed out stays as it was: the next change is made in a copy of the one chunk that it concerns. */
export class Column {
  readonly #measure: Measure
  #chunks: number[][]
  /** Chunks that nobody has seen yet. */
  readonly #own = new Set<number>()
  #now: Numbers | null = null
  #sum: number

  constructor(measure: Measure, hosts: readonly KnownHost[]) {
    const numbers = hosts.map(measure.read)
    this.#measure = measure
    this.#chunks = Array.from({ length: Math.ceil(numbers.length / (1 << SHIFT)) }, (_, chunk) =>
      numbers.slice(chunk << SHIFT, (chunk + 1) << SHIFT),
    )
    this.#sum = numbers.reduce((total, each) => total + each, 0)
  }

  get now(): Numbers {
    if (this.#now === null) {
      this.#now = numbersOf(this.#chunks, this.#sum)
      this.#own.clear()
    }
    return this.#now
  }

  /** Reads a host anew. */
  update(host: KnownHost): void {
    const [chunk, place] = [host.slot >> SHIFT, host.slot & MASK]
    const [before, after] = [this.#chunks[chunk]?.[place] ?? 0, this.#measure.read(host)]
    if (before === after) return
    if (this.#now !== null) this.#chunks = [...this.#chunks]
    this.#now = null
    const numbers = this.#own.has(chunk) ? (this.#chunks[chunk] ?? []) : [...(this.#chunks[chunk] ?? [])]
    this.#own.add(chunk)
    this.#chunks[chunk] = numbers
    numbers[place] = after
    this.#sum += after - before
  }
}

const numbersOf = (chunks: readonly (readonly number[])[], sum: number): Numbers => ({
  at: (slot) => chunks[slot >> SHIFT]?.[slot & MASK] ?? 0,
  sum,
})
