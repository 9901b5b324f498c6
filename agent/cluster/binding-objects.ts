// What comes with a binding: its subject first, then all that it refers to. Pure.
import type { KubeObject } from '../../lib/object.ts'
import type { HostBinding, VirtualMachine, VirtualMachineClass } from '../../schemas/index.ts'
import type { PowerRecord } from '../../schemas/virtualmachine/power.ts'
import { copyOf } from '../controllers/hostbinding/copies.ts'

/** The object that the binding is about, as the scheduler has it; null when it does not come with it. */
export function subjectOf<T extends KubeObject>({ spec, objects = [] }: HostBinding): T | null {
  const [first] = objects
  return first !== undefined && first.metadata?.uid === spec.subject.uid ? (first as T) : null
}

export const ofKind = <T extends KubeObject>({ objects = [] }: HostBinding, kind: string): readonly T[] =>
  objects.slice(1).filter((object): object is T => object.kind === kind)

/** As this host is going to have it. */
export function classNamed(binding: HostBinding, name: string): VirtualMachineClass | null {
  const came = ofKind<VirtualMachineClass>(binding, 'VirtualMachineClass').find(
    ({ metadata }) => metadata.name === name,
  )
  return came === undefined ? null : (copyOf(came) as VirtualMachineClass)
}

/** What a machine brings along from its last host: what was decided by hand about it, and its machine type. */
export interface HandedOver {
  readonly power: PowerRecord
  readonly machineType?: string
}

/**
 * What the last host knew, as the scheduler heard it (`status.berth.host`). Runs, starts and stops of that host are no affair of this one;
 * who stopped or started the machine by hand, and its crashes, are.
 */
export function handedOver(vm: VirtualMachine): HandedOver {
  const berth = (vm.status as { readonly berth?: { readonly host?: Partial<HandedOver> } } | undefined)?.berth
  const { power = {}, machineType } = berth?.host ?? {}
  const { marker, by, crashes, done } = power
  return {
    power: {
      ...(marker === undefined ? {} : { marker }),
      ...(by === undefined ? {} : { by }),
      ...(crashes === undefined ? {} : { crashes }),
      ...(done === undefined ? {} : { done }),
    },
    ...(machineType === undefined ? {} : { machineType }),
  }
}
