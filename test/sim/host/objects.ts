// Objects as a simulated agent makes them: copies of what a binding carries, and their status. Pure.
import { handedOver } from '../../../agent/cluster/binding-objects.ts'
import { timestamp } from '../../../lib/clock.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { HostBinding, VirtualMachine } from '../../../schemas/index.ts'
import type { PowerRecord } from '../../../schemas/virtualmachine/power.ts'

/** As agents mark their copies. */
const BOUND = 'berth/bound'

export const powerOf = (vm: KubeObject | null): PowerRecord =>
  (vm?.status as { readonly berth?: { readonly power?: PowerRecord } } | undefined)?.berth?.power ?? {}

/** The binding's subject as the host has it: the scheduler's spec, the host's own status. */
export function copyOf(binding: HostBinding, before: KubeObject | null): KubeObject | null {
  const subject = binding.objects?.[0]
  if (subject === undefined) return before
  const { uid } = subject.metadata
  const { status: _, ...rest } = subject
  return {
    ...rest,
    metadata: {
      ...subject.metadata,
      generation: (before?.metadata.generation ?? 0) + (sameSpec(before, subject) ? 0 : 1),
      annotations: { ...subject.metadata.annotations, [BOUND]: uid },
    },
    status: before?.status ?? firstStatus(subject),
  } as KubeObject
}

/** What a machine that was elsewhere brings along, as agents take it. */
export const firstStatus = (vm: KubeObject): object => ({ berth: handedOver(vm as VirtualMachine) })

const sameSpec = (one: KubeObject | null, other: KubeObject): boolean =>
  one !== null && JSON.stringify(one.spec) === JSON.stringify(other.spec)

export interface VmLook {
  readonly node: string
  readonly power: PowerRecord
  readonly phase: string
  readonly reason: string
  readonly message: string
  readonly now: number
}

/** The host's half of a virtual machine's status, as far as a scheduler reads it. */
export function vmStatus(vm: VirtualMachine, { node, power, phase, reason, message, now }: VmLook): object {
  const runs = phase === 'Running' || phase === 'Migrating'
  const before = vm.status?.conditions?.find(({ type }) => type === 'Running')
  const status = runs ? 'True' : 'False'
  return {
    ...vm.status,
    phase,
    observedGeneration: vm.metadata.generation ?? 0,
    nodeName: runs ? node : '',
    conditions: [
      {
        type: 'Running',
        status,
        reason: runs ? 'Running' : reason,
        message: runs ? '' : message,
        lastTransitionTime: before?.status === status ? before.lastTransitionTime : timestamp(now),
        observedGeneration: vm.metadata.generation ?? 0,
      },
    ],
    berth: { ...(vm.status as { readonly berth?: object } | undefined)?.berth, power },
  }
}

/** An image that is there. */
export function readyStatus(object: KubeObject, digest: string | undefined): object {
  return {
    ...(object.status as object | undefined),
    phase: 'Ready',
    observedGeneration: object.metadata.generation ?? 0,
    ...(digest === undefined ? {} : { berth: { digest } }),
  }
}

/** A disk, with its file or without. */
export function diskStatus({ metadata }: KubeObject, isThere: boolean): object {
  return {
    phase: isThere ? 'Ready' : 'PVCLost',
    observedGeneration: metadata.generation ?? 0,
    target: { persistentVolumeClaimName: `${metadata.uid}.qcow2` },
  }
}
