import type { AuditEvent } from '../../../../../lib/apiserver/audit/event.ts'
import { microTime } from '../../../../../lib/apiserver/audit/event.ts'

export const at = (seconds: number): number => Date.parse('2026-01-01T00:00:00Z') + seconds * 1000

export function auditEvent(id: string, change: Partial<AuditEvent> = {}, seconds = 0): AuditEvent {
  const time = microTime(at(seconds))
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: id,
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/a/secrets/s',
    verb: 'create',
    user: { username: 'ann' },
    sourceIPs: ['unix'],
    objectRef: { resource: 'secrets', apiVersion: 'v1', namespace: 'a', name: 's' },
    responseStatus: { code: 201 },
    requestReceivedTimestamp: time,
    stageTimestamp: time,
    annotations: { 'berth/duration-seconds': '0.001' },
    ...change,
  }
}
