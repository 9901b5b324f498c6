// What is refused of an operation that moves a machine, because of its annotations or of who is asked.
import type { VirtualMachine, VirtualMachineOperation } from '../../schemas/index.ts'
import { isMove } from '../../schemas/virtualmachineoperation/applies.ts'
import { migrationWish, postCopyErrors } from '../../schemas/virtualmachineoperation/migration-options.ts'
import type { Admission, AdmissionRequest } from '../apiserver/core/core.ts'
import { ApiError, type FieldError } from '../errors.ts'

const GROUP = 'virtualization.deckhouse.io'
const OPERATIONS = `virtualmachineoperations.${GROUP}`

const moveOf = ({ operation, kind, object }: AdmissionRequest): VirtualMachineOperation | null => {
  if (operation === 'delete' || kind.resource !== OPERATIONS) return null
  return isMove((object as VirtualMachineOperation).spec.type) ? (object as VirtualMachineOperation) : null
}

/** Annotations of a move must mean something, and fit the machine's policy as it is now. */
export const moveOptionsAreKnown: Admission = (request) => {
  const move = moveOf(request)
  return move === null ? undefined : checkOptions(move, request)
}

async function checkOptions(move: VirtualMachineOperation, request: AdmissionRequest): Promise<void> {
  const { namespace = '', annotations } = move.metadata
  if (request.old !== null && JSON.stringify(request.old.metadata.annotations) === JSON.stringify(annotations)) return
  const { wish, errors } = migrationWish(annotations)
  if (errors.length > 0) throw refusal(request, errors)
  if (wish.options.postCopy !== true) return
  const name = { namespace, name: move.spec.virtualMachineName }
  const vm = await request.resources.get<VirtualMachine>(`virtualmachines.${GROUP}`, name)
  const causes = postCopyErrors(wish.options, vm?.spec.liveMigrationPolicy)
  if (causes.length > 0) throw refusal(request, causes)
}

/** One host has nowhere to move a machine to. */
export const movesNeedScheduler: Admission = (request) => {
  const move = moveOf(request)
  if (move === null || request.operation !== 'create') return
  const message = `the operation ${move.spec.type} needs a scheduler: an agent knows its own host only. Ask the scheduler that this host belongs to`
  throw refusal(request, [{ path: 'spec.type', reason: 'FieldValueForbidden', message }])
}

function refusal({ kind, object }: AdmissionRequest, causes: readonly FieldError[]): ApiError {
  const { name } = object.metadata
  const [first] = causes
  const words = first === undefined ? 'it cannot be read' : `${first.path}: ${first.message}`
  return new ApiError('Invalid', `${kind.kind} "${name}" is invalid: ${words}`, {
    group: kind.group,
    kind: kind.kind,
    name,
    causes,
  })
}
