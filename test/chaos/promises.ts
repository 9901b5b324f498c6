// Whether a host keeps to what its clients may rely on: objects and values that were acknowledged, and operations that were completed.
import type { KubeObject } from '../../lib/object.ts'
import type { VirtualDisk, VirtualMachine, VirtualMachineOperation } from '../../schemas/index.ts'
import type { Found } from './acknowledged.ts'
import type { ChaosClient, Operation } from './client.ts'
import { labelOf, type Objects, phaseOf } from './invariants/seen.ts'

/** The phase that a completed operation leaves, for ever if nobody asks for another: what ends by itself is started again. */
const LEAVES: Readonly<Record<Operation['type'], string>> = { Start: 'Running', Stop: 'Stopped', Restart: 'Running' }

const keyOf = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`

/** Values that clients change, as they write them. */
const VALUES: Readonly<Record<string, (object: KubeObject) => unknown>> = {
  memory: (object) => (object as VirtualMachine).spec.memory.size,
  disks: (object) => (object as VirtualMachine).spec.blockDeviceRefs.map(({ name }) => name),
  size: (object) => (object as VirtualDisk).spec.persistentVolumeClaim?.size,
}

/** Whether no other one of the machine was taken in the same second or later, one without an answer among them. */
const isLast = ({ metadata, spec }: VirtualMachineOperation, all: Objects['operations']) =>
  all
    .filter((other) => other.metadata.namespace === metadata.namespace && other.metadata.uid !== metadata.uid)
    .filter((other) => other.spec.virtualMachineName === spec.virtualMachineName)
    .every((other) => other.metadata.creationTimestamp < metadata.creationTimestamp)

/** In words, what is not as it was promised. Look when nothing is under way. */
export function brokenPromises(client: ChaosClient, objects: Objects): readonly string[] {
  const all: readonly KubeObject[] = Object.values(objects).flat()
  const byKey = new Map(all.map((object) => [keyOf(object), object]))
  const found: Found = {
    has: (key) => byKey.has(key),
    value: (key, field) => {
      const object = byKey.get(key)
      return JSON.stringify(object === undefined ? null : VALUES[field]?.(object))
    },
  }
  const { namespace } = client.space
  const powers = client.lastOperations().flatMap(([vm, { name, type }]) => {
    const operation = objects.operations.find(
      ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
    )
    const machine = byKey.get(`VirtualMachine/${namespace}/${vm}`)
    if (operation === undefined || machine === undefined || phaseOf(operation) !== 'Completed') return []
    if (phaseOf(machine) === LEAVES[type] || !isLast(operation, objects.operations)) return []
    return [`${labelOf(machine)} is ${phaseOf(machine)}, though the last operation was ${type} (${name}), completed`]
  })
  return [...client.ledger.violations(found), ...powers]
}
