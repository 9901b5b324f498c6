// Members of the cluster: who they are, how they come and go. The door of this folder for scheduler/cluster.ts.
import type { VirtualKind } from '../../lib/apiserver/virtual.ts'
import { messageOf } from '../../lib/errors.ts'
import type { SchedulerCore } from '../core.ts'
import { JoinTokens } from './join-tokens.ts'
import { membershipQuestions } from './questions.ts'

const SWEEP_MS = 3_600_000

export interface MembershipPart {
  readonly virtual: readonly VirtualKind[]
  start(): void
  stop(): Promise<void>
}

export function createMembership(core: SchedulerCore): MembershipPart {
  const tokens = new JoinTokens(core)
  const stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const sweeping = async () => {
    const { clock, log } = core
    while (!stopping.signal.aborted) {
      await tokens
        .sweep()
        .catch((error: unknown) => log.warn({ err: error }, `old join tokens stay for now: ${messageOf(error)}`))
      await clock.sleep(SWEEP_MS, stopping.signal).catch(() => undefined)
    }
  }
  return {
    virtual: membershipQuestions(core, tokens),
    start: () => {
      running = sweeping()
    },
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}
