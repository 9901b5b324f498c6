// What a daemon says about itself when a connection is made.

import { Feature } from './handshake.ts'
import type { ArgsOf, ProcedureName, ResultOf } from './protocol.ts'

/** What the hypervisor driver at the other end can do. */
export interface Features {
  readonly migrationP2p: boolean
  readonly migrationOffline: boolean
  /** Migration takes typed parameters (DomainMigratePerform3Params). */
  readonly migrationParams: boolean
}

/** Versions are major × 1,000,000 + minor × 1,000 + release. */
export interface About {
  readonly libVersion: number
  readonly hypervisorVersion: number
  readonly features: Features
}

/** Asks with `call`, one question after the other. */
export async function askAbout(
  call: <N extends ProcedureName>(name: N, args: ArgsOf<N>) => Promise<ResultOf<N>>,
): Promise<About> {
  const has = async (feature: number) => (await call('ConnectSupportsFeature', { feature })).supported !== 0
  const { libVer } = await call('ConnectGetLibVersion', {})
  const { hvVer } = await call('ConnectGetVersion', {})
  return {
    libVersion: Number(libVer),
    hypervisorVersion: Number(hvVer),
    features: {
      migrationP2p: await has(Feature.migrationP2p),
      migrationOffline: await has(Feature.migrationOffline),
      migrationParams: await has(Feature.migrationParams),
    },
  }
}
