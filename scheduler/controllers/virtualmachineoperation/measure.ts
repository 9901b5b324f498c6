// How moves ended, for those who count.
import type { Counts } from '../../../lib/metrics/metrics.ts'
import type { BindingMigrationStatus, MigrationRecord } from '../../../schemas/index.ts'
import { MOVE_DOWNTIME, MOVE_DURATION, MOVES } from '../../metrics/catalogue.ts'

/** Reasons that are counted by name; hosts may say others. */
const OUTCOMES: readonly (string | undefined)[] = [
  'Aborted',
  'Superseded',
  'TargetUnschedulable',
  'CompletionTimeout',
  'ProgressTimeout',
  'NotConverging',
  'Interrupted',
  'PostCopyFailed',
]

/** A move that has ended just now. @param told what its target told of it last */
export function measureMove(
  { id, phase, reason, startedAt, endedAt }: MigrationRecord,
  told: BindingMigrationStatus | null,
  metrics: Counts,
): void {
  const mine = told?.id === id ? told : null
  if (phase !== 'Cleaned') {
    metrics.inc(MOVES, { outcome: (OUTCOMES.includes(reason) && reason) || 'Failed' })
    return
  }
  metrics.inc(MOVES, { outcome: mine?.reason === 'PostCopyFailed' ? 'PostCopyFailed' : 'Completed' })
  const ms = Date.parse(endedAt ?? '') - Date.parse(startedAt)
  if (ms >= 0) metrics.observe(MOVE_DURATION, {}, ms / 1000)
  const downtime = mine?.progress?.downtimeMs
  if (downtime !== undefined && downtime >= 0) metrics.observe(MOVE_DOWNTIME, {}, downtime / 1000)
}
