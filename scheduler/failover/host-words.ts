// What is written of a host that is not heard of, or is heard again, and what is told of it. Pure.
import { timestamp } from '../../lib/clock.ts'
import { removeCondition } from '../../lib/conditions.ts'
import type { EventText } from '../../lib/controllers/event-text.ts'
import type { Condition } from '../../lib/object.ts'
import type { Node } from '../../schemas/index.ts'
import { HOST_DEAD_CONDITIONS, type HostDeadCondition } from './conditions.ts'
import type { Death } from './death.ts'
import { FAILOVER_EVENTS } from './events.ts'
import type { HostVerdict } from './plan-hosts.ts'
import type { HostPromise } from './promises.ts'

export type NodeStatus = NonNullable<Node['status']>

/** A Node's status after the verdict. `now`: ms since the epoch; `promise`: what the host said that it can show. */
export function afterVerdict(
  status: Node['status'],
  { condition, death }: Pick<HostVerdict, 'condition' | 'death'>,
  promise: Pick<HostPromise, 'covers' | 'asks'>,
  now: number,
): NodeStatus {
  const conditions =
    condition === null
      ? removeCondition(status?.conditions, 'HostDead')
      : HOST_DEAD_CONDITIONS.set(status?.conditions, condition, undefined, now)
  const had = (status as { readonly berth?: { readonly death?: Death } } | undefined)?.berth
  const { death: known, ...berth } = had ?? {}
  const next =
    death === 'back'
      ? undefined
      : death === null
        ? known
        : { ...death, since: timestamp(now), covers: coveredBy(death, promise) }
  return {
    ...status,
    conditions: [...conditions],
    ...(next === undefined && had === undefined
      ? {}
      : { berth: { ...berth, ...(next === undefined ? {} : { death: next }) } }),
  } as unknown as NodeStatus
}

/** A host that was powered off does not start by itself what it asks for first; other evidence holds for what it ends itself. */
const coveredBy = ({ evidence }: Pick<Death, 'evidence'>, { covers, asks }: Pick<HostPromise, 'covers' | 'asks'>) =>
  evidence === 'fenced' ? asks : covers

/** What machines of the host wait for is another thing now. */
export const saysElse = (before: Condition | undefined, condition: HostDeadCondition | null): boolean =>
  condition === null || before?.reason !== condition.reason || before?.message !== condition.message

/** Null: nothing that has not been told. */
export function toldOf(
  name: string,
  before: Condition | undefined,
  condition: HostDeadCondition | null,
): EventText | null {
  if (condition === null) return FAILOVER_EVENTS.text('HostBack', `${name} is heard again`)
  const { status, reason, message = '' } = condition
  if (before?.reason === reason) return null
  if (status === 'True') return FAILOVER_EVENTS.text('HostDead', message)
  if (reason === 'FailoverFrozen' || reason === 'FencingFailed') return FAILOVER_EVENTS.text(reason, message)
  return before === undefined ? FAILOVER_EVENTS.text('HostLost', message) : null
}
