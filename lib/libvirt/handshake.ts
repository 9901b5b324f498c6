// What a session says first: how it authenticates, which URI it opens, whether the server may ping.

import { ConnectionLost } from './errors.ts'
import type { ArgsOf, ProcedureName, ResultOf } from './protocol.ts'

/** libvirt's authentication types that a local client can serve. */
const AUTH_NONE = 0
const AUTH_POLKIT = 2

/** libvirt's internal feature numbers (src/libvirt_internal.h, `virDrvFeature`). */
export const Feature = { migrationP2p: 4, keepalive: 10, migrationOffline: 12, migrationParams: 13 } as const

interface Caller {
  call<N extends ProcedureName>(
    name: N,
    args: ArgsOf<N>,
    wait: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<ResultOf<N>>
}

interface Session {
  readonly uri: string
  readonly serverPings: boolean
}

/** Authenticates and opens. `wait.signal` ends the whole exchange, so its timeout is only the outer bound. */
export async function openSession(
  caller: Caller,
  session: Session,
  wait: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { types } = await caller.call('AuthList', {}, wait)
  if (!types.includes(AUTH_NONE)) {
    if (!types.includes(AUTH_POLKIT)) {
      throw new ConnectionLost(`libvirt asks for an authentication this client has not (types ${types})`, 'none')
    }
    await caller.call('AuthPolkit', {}, wait)
  }
  await caller.call('ConnectOpen', { name: session.uri, flags: 0 }, wait)
  if (session.serverPings) await caller.call('ConnectSupportsFeature', { feature: Feature.keepalive }, wait)
}
