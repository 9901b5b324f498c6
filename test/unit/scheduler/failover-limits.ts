// The limits by which the tests of failover judge.
import type { FailoverLimits } from '../../../scheduler/failover/plan-hosts.ts'

export const LIMITS: FailoverLimits = {
  leaseMs: 15_000,
  graceMs: 6_000,
  fencingMs: 20_000,
  retryMs: 30_000,
  marginMs: 2_000,
  timeoutCounts: false,
  spareOthers: true,
}
