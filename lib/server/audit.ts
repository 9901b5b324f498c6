// The audit log of a server: who did what over the API, in `STATE/audit/audit.log`.
import { join } from 'node:path'
import type { Report } from '../apiserver/http/router.ts'
import { AuditFile, auditing, auditReport, type Observe } from '../apiserver/index.ts'
import type { Clock } from '../clock.ts'
import { toBytes } from '../quantity.ts'
import type { ServerConfig } from './config.ts'
import type { Log } from './log.ts'

export interface Audit {
  readonly observe: Observe
  readonly report: Report
  /** After the server has closed. */
  close(): Promise<void>
}

/** Null when the configuration wants none. @throws Error when the file cannot be written */
export async function openAudit({ audit, stateDir }: ServerConfig, clock: Clock, log: Log): Promise<Audit | null> {
  if (!audit.enabled) return null
  const path = join(stateDir, 'audit', 'audit.log')
  const file = await AuditFile.open({ path, maxBytes: Number(toBytes(audit.maxBytes)), keep: audit.keep, clock, log })
  return {
    observe: auditing(file, { reads: audit.reads }, clock),
    report: auditReport({ group: 'subresources.virtualization.deckhouse.io', version: 'v1alpha2' }, path, () =>
      file.flush(),
    ),
    close: () => file.close(),
  }
}
