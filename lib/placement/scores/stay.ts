// Fewest moves: the host where the VM is or was.
import type { Score } from '../score.ts'

export const STAY: Score = {
  name: 'stay',
  scale: 'share',
  prepare({ current, migrate }, { facts }) {
    if (current === undefined || migrate === true) return null
    return (slot) => (facts[slot]?.name === current ? 1 : 0)
  },
}
