// The public face of the libvirt client.

export type { Features } from './about.ts'
export { type Clock, systemClock } from './clock.ts'
export * from './constants.gen.ts'
export type { Dedicated } from './dedicated.ts'
export * from './errors.ts'
export type { EventItem, EventKind, EventOptions, LibvirtEvent } from './events.ts'
export type { KeepaliveOptions } from './keepalive.ts'
export {
  type CountedName,
  fromParams,
  type ParamInput,
  type PlainValue,
  toParams,
  typed,
  withParamCount,
} from './params.ts'
export { LibvirtPool } from './pool.ts'
export type { CallOptions, LibvirtPoolOptions } from './pool-options.ts'
export type {
  Calls,
  Domain,
  DomainInterface,
  DomainSnapshot,
  DomainStatsRecord,
  Messages,
  Network,
  NetworkDhcpLease,
  RemoteError,
  Secret,
  StoragePool,
  StorageVol,
  StreamCalls,
  TypedParam,
  TypedParamValue,
} from './protocol.gen.ts'
export type { ArgsOf, CallName, ProcedureName, ResultOf, StreamName } from './protocol.ts'
export type { LibvirtStream } from './stream.ts'
export type { Dropped, Reconnected, Subscription } from './subscription.ts'
