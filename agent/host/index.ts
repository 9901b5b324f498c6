/** The host: what it is, what it can do, whether its KVM is to be trusted, and how the Node object says so. */
export { type AcceleratorConfig, type AcceleratorDecision, decideAccelerator } from './accelerator.ts'
export { type Amounts, allocatableMemory, allocatableOf, capacityOf } from './capacity.ts'
export type { CheckContext, CheckResult, CheckStatus, HostCheck } from './checks/check.ts'
export { HOST_CHECKS, runHostChecks } from './checks/run.ts'
export type { HostFacts } from './facts.ts'
export { type HostReader, systemHost } from './host-reader.ts'
export { type HostIdentity, readIdentity } from './identity.ts'
export { type Inventory, readInventory } from './inventory.ts'
export { judgeKvm, type KvmVerdict, type ProbeTimings } from './kvm-judge.ts'
export { probeKvm } from './kvm-probe.ts'
export type { LibvirtTroubleReason, OverloadReason } from './node-conditions.ts'
export {
  NO_TROUBLES,
  NOTHING_NOW,
  type NodeCondition,
  type NodeFacts,
  type NodeNow,
  type NodeTroubles,
  newNode,
  nodeConditions,
  nodeConditionsBlind,
  nodeLabels,
  nodeStatus,
  type Overload,
} from './node-object.ts'
export { type Survey, type SurveyDeps, surveyHost } from './survey.ts'
