// Who may write a scheduler's objects on its host: the scheduler alone, by bindings. People read them, use their streams, and create
// operations; what else they want of them they say at the scheduler.

import { MASTERS } from '../../lib/apiserver/auth/caller.ts'
import type { GuardedWrite, WriteGuard } from '../../lib/apiserver/core/core.ts'
import { ApiError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { BOUND, isBound, SCHEDULERS_GROUP, type VirtualMachineOperation } from '../../schemas/index.ts'
import { DISKS, HOST_BINDINGS, IMAGES, NAMESPACES, VM_OPERATIONS, VMS } from '../names.ts'

export interface BoundGuardDeps {
  readonly reader: Reader
  /** What to call the scheduler, for people: its address where that is known. */
  readonly scheduler: () => string
}

/** What of a namespace its deletion would take along. */
const IN_NAMESPACES = [VMS, DISKS, IMAGES] as const

export const boundGuard =
  (deps: BoundGuardDeps): WriteGuard =>
  (write) => {
    const { kind, caller, object, old, operation } = write
    if (caller.groups.includes(SCHEDULERS_GROUP)) return
    if (kind.resource === HOST_BINDINGS) {
      if (!caller.groups.includes(MASTERS))
        throw new ApiError('Forbidden', `bindings are written by ${deps.scheduler()}, not by ${caller.user}`)
      return
    }
    if (old !== null && isBound(old)) throw refusal(write, deps)
    if (isBound(object) || (marked(object) && !marked(old)))
      throw new ApiError('Forbidden', `the annotation ${BOUND} is this host's own: it marks what a scheduler owns`)
    if (kind.resource === NAMESPACES && operation === 'delete') refuseNamespace(object, deps)
    if (kind.resource === VM_OPERATIONS && operation === 'create')
      refuseOperation(object as VirtualMachineOperation, deps)
  }

const marked = (object: KubeObject | null): boolean => object?.metadata.annotations?.[BOUND] !== undefined

function refusal({ kind, object, operation }: GuardedWrite, { scheduler }: BoundGuardDeps): ApiError {
  const { name } = object.metadata
  const deed = operation === 'delete' ? 'is deleted' : 'is changed'
  const details = { group: kind.group, kind: kind.plural, name }
  return new ApiError(
    'Conflict',
    `${kind.kind} "${name}" belongs to ${scheduler()}: it ${deed} there, not on its host`,
    details,
  )
}

function refuseNamespace({ metadata: { name } }: KubeObject, { reader, scheduler }: BoundGuardDeps): void {
  const bound = IN_NAMESPACES.flatMap((resource) => reader.list(resource, name)).filter(isBound)
  if (bound.length === 0) return
  const first = bound.slice(0, 3).map((object) => `${object.kind} ${object.metadata.name}`)
  const more = bound.length > first.length ? ` and ${bound.length - first.length} more` : ''
  throw new ApiError(
    'Conflict',
    `the namespace ${name} has ${first.join(', ')}${more}, which belong to ${scheduler()}: delete it there`,
  )
}

/** What changes nothing but whether it runs may be asked where it runs. */
function refuseOperation({ spec, metadata }: VirtualMachineOperation, { reader, scheduler }: BoundGuardDeps): void {
  if (['Start', 'Stop', 'Restart'].includes(spec.type)) return
  const vm = reader.get(VMS, { namespace: metadata.namespace ?? '', name: spec.virtualMachineName })
  if (vm !== null && isBound(vm))
    throw new ApiError(
      'Conflict',
      `the operation ${spec.type} of ${vm.metadata.name} is asked of ${scheduler()}, which it belongs to`,
    )
}
