// All wishes about where a VM should be. Their weights are in `score.ts`.
import type { HostScore, NodeScore, Score } from '../score.ts'
import { BALANCE } from './balance.ts'
import { IMAGE } from './image.ts'
import { NEIGHBOURS } from './neighbours.ts'
import { NODE_AFFINITY_SCORE } from './node-affinity.ts'
import { SPREAD_SCORE } from './spread.ts'
import { STAY } from './stay.ts'
import { TAINTS_SCORE } from './taints.ts'

export const SCORES: readonly (HostScore | NodeScore | Score)[] = [
  BALANCE,
  SPREAD_SCORE,
  NEIGHBOURS,
  NODE_AFFINITY_SCORE,
  TAINTS_SCORE,
  IMAGE,
  STAY,
]
