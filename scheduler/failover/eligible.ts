// Which machines are for failover: by their annotation, and by where their disks are.
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { VirtualMachine } from '../../schemas/index.ts'
import { disksOf } from '../binder/needs.ts'
import { isShared } from '../placement/facts.ts'

/** Annotation of a VirtualMachine; its only value is `enabled`. */
const FAILOVER = 'berth/failover'

type DiskReader = Pick<Reader, 'get' | 'list'>

export const asksForFailover = ({ metadata }: VirtualMachine): boolean => metadata.annotations?.[FAILOVER] === 'enabled'

/** Names of its disks that lie on one host alone, or are not known. */
export const localDisksOf = (vm: VirtualMachine, reader: DiskReader): readonly string[] =>
  disksOf(vm, reader).flatMap((disk) => (isShared(disk, reader) ? [] : [disk.metadata.name]))

/** It asks for it, and all its disks can be reached from another host. */
export const mayFailOver = (vm: VirtualMachine, reader: DiskReader): boolean =>
  asksForFailover(vm) && localDisksOf(vm, reader).length === 0
