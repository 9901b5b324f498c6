// Whether everything has come to rest: no object is on its way anywhere.
import type { KubeObject } from '../../../lib/object.ts'
import { labelOf, type Objects, phaseOf } from './seen.ts'

const SETTLED: Readonly<Record<string, readonly string[]>> = {
  VirtualMachine: ['Running', 'Stopped'],
  VirtualDisk: ['Ready'],
  VirtualImage: ['Ready'],
  ClusterVirtualImage: ['Ready'],
  VirtualMachineOperation: ['Completed', 'Failed', 'Superseded'],
  Namespace: ['Active'],
}

/** Those that are under way, in words. */
export function moving({ classes: _, ...objects }: Objects): readonly string[] {
  const all: readonly KubeObject[] = Object.values(objects).flat()
  return all
    .filter((one) => one.metadata.deletionTimestamp !== undefined || !SETTLED[one.kind]?.includes(phaseOf(one)))
    .map((one) => {
      const going = one.metadata.deletionTimestamp === undefined ? '' : ' and is being deleted'
      return `${labelOf(one)} is ${phaseOf(one)}${going}: ${JSON.stringify(one.status)}`
    })
}
