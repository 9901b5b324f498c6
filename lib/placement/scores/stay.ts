// Fewest moves: the host where the VM is or was.
import type { Score } from '../score.ts'

export const STAY: Score = {
  name: 'stay',
  scale: 'share',
  prepare: ({ current, migrate }) =>
    current === undefined || migrate === true ? null : ({ name }) => (name === current ? 1 : 0),
}
