// What comes with a binding: its subject first, then all that it refers to. Pure.
import { isIPv4 } from 'node:net'
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

/** When a run began and was seen to work: ms since the epoch. A guest that comes live goes on with its run. */
export interface RunTimes {
  readonly wanted?: number
  readonly start?: number
  readonly running?: number
  readonly agent?: number
}

/** What a machine brings along from its last host: what was decided by hand about it, its machine type, its run, its address. */
export interface HandedOver {
  readonly power: PowerRecord
  readonly machineType?: string
  readonly times?: RunTimes
  /** IPv4, as its guest had it there. */
  readonly address?: string
}

/**
 * What the last host knew, as the scheduler heard it (`status.berth.host`). Starts and stops that were under way there are no affair of this
 * one; who stopped or started the machine by hand, its crashes, and since when it runs are.
 */
export function handedOver(vm: VirtualMachine): HandedOver {
  const berth = (vm.status as { readonly berth?: { readonly host?: Partial<HandedOver> } } | undefined)?.berth
  const { power = {}, machineType, times, address } = berth?.host ?? {}
  const { marker, by, crashes, done } = power
  return {
    power: {
      ...(marker === undefined ? {} : { marker }),
      ...(by === undefined ? {} : { by }),
      ...(crashes === undefined ? {} : { crashes }),
      ...(done === undefined ? {} : { done }),
    },
    ...(machineType === undefined ? {} : { machineType }),
    ...(times?.running === undefined ? {} : { times }),
    ...(address === undefined || !isIPv4(address) ? {} : { address }),
  }
}
