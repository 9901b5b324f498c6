// What a machine's status says while agent/migration has it. The rest stays as it was last seen.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../../lib/clock.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { bindingOf } from '../../cluster/standing.ts'
import type { HostFacts } from '../../host/facts.ts'
import { type Hold, holdOf } from '../../migration/hold.ts'
import { VMS } from '../../names.ts'
import { VM_CONDITIONS } from './conditions.ts'
import { MAX_TRANSITIONS, type VmStatus } from './status.ts'

/** Pure. */
export function movingStatus(before: VmStatus | undefined, hold: Hold, nodeName: string, now: number): VmStatus {
  const { side, peer, message, startTime } = hold
  const state = { type: 'Migrating', status: 'True', reason: 'InProgress', message } as const
  const transitions = before?.stats?.phasesTransitions ?? []
  const [source, target] = side === 'Source' ? [nodeName, peer] : [peer, nodeName]
  return {
    ...before,
    phase: 'Migrating',
    migrationState: {
      ...(startTime === undefined ? {} : { startTimestamp: startTime }),
      source: { node: source },
      target: { node: target },
    },
    stats: {
      ...before?.stats,
      phasesTransitions:
        transitions.at(-1)?.phase === 'Migrating'
          ? transitions
          : [...transitions, { phase: 'Migrating', timestamp: timestamp(now) }].slice(-MAX_TRANSITIONS),
    },
    conditions: VM_CONDITIONS.set(before?.conditions, state, before?.observedGeneration, now),
  } as VmStatus
}

export interface MovingDeps {
  readonly reader: Reader
  readonly resources: Pick<Resources, 'modifyStatus'>
  readonly facts: Pick<HostFacts, 'nodeName'>
  readonly clock: Pick<Clock, 'now'>
}

/** True, and the status says so: the domain is another's while the machine moves. What comes of that wakes the machine's key. */
export async function isMoving({ metadata }: VirtualMachine, deps: MovingDeps): Promise<boolean> {
  const { namespace = '', name, uid } = metadata
  const hold = holdOf(bindingOf(deps.reader, uid))
  if (hold === null) return false
  await deps.resources.modifyStatus<VirtualMachine>(VMS, { namespace, name, uid }, (status) =>
    movingStatus(status, hold, deps.facts.nodeName, deps.clock.now()),
  )
  return true
}
