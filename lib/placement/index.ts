// The placement core: hosts + VMs with a place + a request -> a decision in words. Pure, incremental, deterministic; docs/placement.md.
export {
  acceleratorOf,
  type DiskExtras,
  diskFactsOf,
  type NodeExtras,
  nodeFactsOf,
  type VmExtras,
  vmFactsOf,
} from './adapt.ts'
export { Cluster } from './cluster.ts'
export {
  type Chosen,
  type DecideOptions,
  type Decision,
  decide,
  explain,
  fitHosts,
  type Refused,
} from './decide.ts'
export {
  type Accelerator,
  type Ask,
  type ClassRoom,
  type CpuNeed,
  type DeviceNeed,
  type DiskFacts,
  type ImageNeed,
  type NodeFacts,
  nodeFacts,
  titleOf,
  type VmFacts,
  vmFacts,
  type Weighted,
} from './facts.ts'
export type { FilterName, Refusal } from './filter.ts'
export { decideGroup, type GroupDecision, type GroupOptions, type GroupPlaced, type GroupRefused } from './group.ts'
export { companionsOf, ringOf } from './needs.ts'
export { fitsNode } from './node-fit.ts'
export { type NoPreemption, type Preemption, preempt } from './preempt.ts'
export type { FitHost, HostVerdict, ScoreParts } from './ranking.ts'
export { loadOf, type Move, type Proposal, proposeMoves, type RebalanceOptions, type Stuck } from './rebalance.ts'
export type { RefusalCount } from './refused.ts'
export { hostMemoryOf, memoryOf, milliCoresOf, overheadOf } from './requests.ts'
export { type ScoreName, WEIGHTS } from './score.ts'
