// What the API server offers to the programs that run one.
export type { TokenCheck } from './auth/gate.ts'
export type { ConnectSubresource, ConnectTarget } from './connect.ts'
export type { Admission, AdmissionRequest } from './core/core.ts'
export { FOREGROUND_FINALIZER, NAMESPACE_FINALIZER, ORPHAN_FINALIZER } from './core/delete.ts'
export type { ReadinessCheck } from './http/router.ts'
export type { Listen, TlsListen, UnixListen } from './listeners.ts'
export type { DeleteOptions, NewObject, Propagation, Resources } from './resources.ts'
export { type ApiServer, type ApiServerOptions, createApiServer } from './server.ts'
