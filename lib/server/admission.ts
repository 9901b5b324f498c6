// Refusals that a schema and its rules cannot give: about other objects than the one that is written, and about annotations.

import type { VirtualMachine, VirtualMachineClass } from '../../schemas/index.ts'
import { VM_CLASSES, VMS } from '../../schemas/resources.ts'
import { START_PRIORITY, startPriorityErrors } from '../../schemas/virtualmachine/start-priority.ts'
import { sizingMessage, sizingProblems } from '../../schemas/virtualmachineclass/sizing-policy.ts'
import type { Admission, AdmissionRequest } from '../apiserver/core/core.ts'
import { ApiError } from '../errors.ts'

/** A VM whose size its class does not allow cannot be saved; one that runs already keeps running (DVP). */
export const sizeFitsClass: Admission = (request) => {
  const { operation, kind, object, old } = request
  if (operation === 'delete' || kind.resource !== VMS) return
  if (old !== null && JSON.stringify(old.spec) === JSON.stringify(object.spec)) return
  return checkSize(request)
}

async function checkSize({ kind, object, resources }: AdmissionRequest): Promise<void> {
  const { spec, metadata } = object as VirtualMachine
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

/** An annotation that means something to Berth is refused when it does not say it. */
export const startPriorityIsNumber: Admission = ({ operation, kind, object, old }) => {
  if (operation === 'delete' || kind.resource !== VMS) return
  const { name, annotations } = object.metadata
  if (old !== null && old.metadata.annotations?.[START_PRIORITY] === annotations?.[START_PRIORITY]) return
  const causes = startPriorityErrors(object as VirtualMachine)
  const [first] = causes
  if (first === undefined) return
  throw new ApiError('Invalid', `VirtualMachine "${name}" is invalid: ${first.path}: ${first.message}`, {
    group: kind.group,
    kind: kind.kind,
    name,
    causes,
  })
}
