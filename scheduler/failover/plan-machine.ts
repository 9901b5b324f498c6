// What is done about a machine whose host is not heard of. Pure.
import type { FailoverCondition } from './conditions.ts'
import type { Death } from './death.ts'

export interface MachineFacts {
  readonly node: string
  /** In words, why nothing is known of the host; null: it is heard. */
  readonly silence: string | null
  readonly death: Death | null
  /** What is known of the host's death holds for this machine. */
  readonly covered: boolean
  /** It has the annotation. */
  readonly enabled: boolean
  /** Names of its disks that lie on the host alone, or are not known. */
  readonly localDisks: readonly string[]
  /** It is to run, as far as is known. */
  readonly wanted: boolean
  /** A move is under way: that one decides. */
  readonly moving: boolean
  /** It was failed over to the host where it is now. */
  readonly failedOver: boolean
  choose(): { readonly node: string } | { readonly node: null; readonly message: string }
}

export type MachineStep =
  | { readonly do: 'nothing' }
  /** Null: the condition goes. */
  | { readonly do: 'say'; readonly condition: FailoverCondition | null }
  | { readonly do: 'fail-over'; readonly to: string; readonly condition: FailoverCondition }

const say = (reason: 'WaitingForHost' | 'WaitingForEvidence' | 'WaitingForPlace', message: string): MachineStep => ({
  do: 'say',
  condition: { type: 'Failover', status: 'False', reason, message },
})

export function planMachine(facts: MachineFacts): MachineStep {
  const { node, silence, death, covered, enabled, localDisks, wanted, moving, failedOver } = facts
  // How it came here stays said until it goes elsewhere, or its host is lost as well.
  if (silence === null && death === null) return failedOver ? { do: 'nothing' } : { do: 'say', condition: null }
  if (moving) return { do: 'nothing' }
  const lost = `${node}: ${silence ?? 'it is dead'}`
  if (!wanted) return say('WaitingForHost', `${lost}; the machine is not to run, and keeps its place there`)
  if (!enabled)
    return say(
      'WaitingForHost',
      `${lost}; the machine has no annotation berth/failover: enabled, and waits for the host`,
    )
  if (localDisks.length > 0)
    return say('WaitingForHost', `${lost}; the machine waits for the host: ${listed(localDisks)} on that host alone`)
  if (death === null) return say('WaitingForEvidence', lost)
  const choice = facts.choose()
  if (choice.node === null) return say('WaitingForPlace', `${node} is dead (${death.evidence}); ${choice.message}`)
  if (!covered)
    return say(
      'WaitingForEvidence',
      death.evidence === 'fenced'
        ? `${lost}; it is not known that the host, when it was last heard, knew that this machine is for failover: it may start it by itself when it has power again, and the machine waits until the host is heard`
        : `${lost}; when the host was last heard, this machine was not among those that end with its lease (${death.evidence}): it may run there still, until the host is heard`,
    )
  return {
    do: 'fail-over',
    to: choice.node,
    condition: {
      type: 'Failover',
      status: 'True',
      reason: 'FailedOver',
      message: `from ${node} to ${choice.node}; evidence that ${node} is dead: ${death.evidence} (${death.message})`,
    },
  }
}

const listed = (disks: readonly string[]): string =>
  disks.length === 1 ? `its disk ${disks[0]} is` : `its disks ${disks.join(', ')} are`
