// Refusals that need other objects than the one that is written: what a schema and its rules cannot know.
import type { Admission } from '../lib/apiserver/core/core.ts'
import { ApiError } from '../lib/errors.ts'
import type { VirtualMachine, VirtualMachineClass } from '../schemas/index.ts'
import { sizingMessage, sizingProblems } from '../schemas/virtualmachineclass/sizing-policy.ts'
import { VM_CLASSES, VMS } from './names.ts'

/** A VM whose size its class does not allow cannot be saved; one that runs already keeps running (DVP). */
export const sizeFitsClass: Admission = async ({ operation, kind, object, old, resources }) => {
  if (operation === 'delete' || kind.resource !== VMS) return
  const { spec, metadata } = object as VirtualMachine
  if (old !== null && JSON.stringify((old as VirtualMachine).spec) === JSON.stringify(spec)) return
  const className = spec.virtualMachineClassName
  const vmClass = await resources.get<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: className })
  const causes = vmClass === null ? [] : sizingProblems(spec, className, vmClass.spec)
  if (causes.length === 0) return
  throw new ApiError('Invalid', `VirtualMachine "${metadata.name}" is invalid: ${sizingMessage(causes, className)}`, {
    group: kind.group,
    kind: kind.kind,
    name: metadata.name,
    causes,
  })
}
