// What clients of the chaos do, and what they draw for it.

/** What is done, and how often. */
export const DEEDS = {
  machine: 22,
  stop: 12,
  start: 14,
  restart: 8,
  devices: 12,
  memory: 6,
  grow: 6,
  image: 5,
  'disk-of-image': 5,
  download: 3,
  'remove-machine': 10,
  'remove-disk': 6,
  'remove-image': 4,
  namespace: 3,
  'remove-namespace': 3,
} as const
export type Deed = keyof typeof DEEDS

/** Drawn for each act whether they are needed or not, so that the next act does not depend on this one. */
export interface Dice {
  readonly who: number
  readonly how: number
}
