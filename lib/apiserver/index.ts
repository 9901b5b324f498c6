// What the API server offers to the programs that run one.

export { AuditFile } from './audit/audit-file.ts'
export { auditing } from './audit/recorder.ts'
export { auditReport } from './audit/report.ts'
export { type Access, type AccessOptions, openAccess } from './auth/access.ts'
export type { Caller } from './auth/caller.ts'
export type { Exchange, Observe, Outcome } from './auth/observe.ts'
export type {
  ConnectSubresource,
  ConnectTarget,
  Content,
  Document,
  OpenedStream,
  ReadSubresource,
  Subresource,
} from './connect.ts'
export type { Admission, AdmissionRequest, Completion, GuardedWrite, WriteGuard } from './core/core.ts'
export { FOREGROUND_FINALIZER, NAMESPACE_FINALIZER, ORPHAN_FINALIZER } from './core/delete.ts'
export type { HealthCheck } from './http/health.ts'
export { LateResources } from './late-resources.ts'
export type { Listen, TlsListen, UnixListen } from './listeners.ts'
export type { DeleteOptions, NewObject, Propagation, Resources } from './resources.ts'
export { type ApiServer, type ApiServerOptions, createApiServer } from './server.ts'
