// A host's side of a cluster: which scheduler it obeys, which words it takes, and what they mean for its machines.
import type { Admission, WriteGuard } from '../../lib/apiserver/core/core.ts'
import type { VirtualKind } from '../../lib/apiserver/virtual.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { CLAIM, type ClaimAsk, type VirtualMachine } from '../../schemas/index.ts'
import { VMS_BY_UID } from '../wiring.ts'
import { bindingAdmission, type Host } from './binding-admission.ts'
import { boundGuard } from './bound-guard.ts'
import { Holdings } from './holdings.ts'
import { RulerMemory } from './ruler.ts'
import { type Standing, standingOf } from './standing.ts'

export interface ClusterSide {
  readonly ruler: RulerMemory
  readonly holdings: Holdings
  readonly standing: Standing
  readonly guard: WriteGuard
  readonly admission: Admission
  /** Kinds that the scheduler asks. */
  readonly virtual: readonly VirtualKind[]
}

export interface ClusterDeps {
  readonly stateDir: string
  readonly reader: Reader
  readonly clock: Clock
  /** @throws ApiError ServiceUnavailable, in words, before the host was surveyed */
  readonly host: () => Host
  /** Where the scheduler is, for words; null without one. */
  readonly scheduler: () => string | null
}

/** @throws Error, in words, when what this host knows of schedulers cannot be read */
export async function openCluster({ stateDir, reader, clock, host, scheduler }: ClusterDeps): Promise<ClusterSide> {
  const ruler = await RulerMemory.open(stateDir)
  const vmOf = (uid: string) => reader.byIndex<VirtualMachine>(VMS_BY_UID, uid)[0] ?? null
  const holdings = new Holdings({ reader, clock, vmOf })
  const claims: VirtualKind = {
    kind: CLAIM,
    answer: async ({ object }) => ({ ...(await ruler.claim(object as unknown as ClaimAsk)) }),
  }
  return {
    ruler,
    holdings,
    standing: standingOf({ reader, vmOf }),
    guard: boundGuard({ reader, scheduler: () => scheduler() ?? 'the scheduler of its cluster' }),
    admission: bindingAdmission({ reader, ruler, holdings, host }),
    virtual: [claims],
  }
}
