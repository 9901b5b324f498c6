// How long things take. In a calm run always the same, so that a log changes only when what it tells does.
import { Random } from '../chaos/random.ts'

/** Draws an integer from `least` to `most`. */
export interface Durations {
  between(least: number, most: number): number
}

const CALM: Durations = { between: (least, most) => Math.round((least + most) / 2) }

/** @param seed null: a calm run */
export const durationsOf = (seed: number | null, stream: string): Durations =>
  seed === null ? CALM : new Random(seed, stream)
