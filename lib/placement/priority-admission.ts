// What a PriorityClass and those who name it may not say, as far as other objects decide it (Kubernetes' admission plugin Priority).
import type { PriorityClass, VirtualMachine } from '../../schemas/index.ts'
import { PRIORITY_CLASSES, VMS } from '../../schemas/resources.ts'
import type { Admission, AdmissionRequest } from '../apiserver/core/core.ts'
import { ApiError, type CauseReason } from '../errors.ts'
import type { Reader } from '../reconcile/reader.ts'
import { defaultPriorityClass } from './priority.ts'

const refuse = (
  { group, kind, name }: { readonly group: string; readonly kind: string; readonly name: string },
  cause: { readonly path: string; readonly reason: CauseReason; readonly message: string },
): ApiError =>
  new ApiError('Invalid', `${kind} "${name}" is invalid: ${cause.path}: ${cause.message}`, {
    group,
    kind,
    name,
    causes: [cause],
  })

/** A machine names a class that exists; one that is changed otherwise keeps the name of a class that is gone. */
export const priorityClassExists: Admission = (request) => {
  const { operation, kind, object, old } = request
  if (operation === 'delete' || kind.resource !== VMS) return
  const name = (object as VirtualMachine).spec.priorityClassName
  if (name === undefined || (old as VirtualMachine | null)?.spec.priorityClassName === name) return
  return checkClass(name, request)
}

async function checkClass(name: string, { kind, object, resources }: AdmissionRequest): Promise<void> {
  if ((await resources.get<PriorityClass>(PRIORITY_CLASSES, { namespace: '', name })) !== null) return
  const subject = { group: kind.group, kind: kind.kind, name: object.metadata.name }
  const message = `there is no PriorityClass "${name}"`
  throw refuse(subject, { path: 'spec.priorityClassName', reason: 'FieldValueNotFound', message })
}

/** A second default class is refused; the mark is taken from the first before. */
export const oneDefaultPriority =
  (reader: Pick<Reader, 'list'>): Admission =>
  ({ operation, kind, object, old }) => {
    if (operation === 'delete' || kind.resource !== PRIORITY_CLASSES) return
    const { globalDefault, metadata } = object as PriorityClass
    if (globalDefault !== true || (old as PriorityClass | null)?.globalDefault === true) return
    const others = reader.list<PriorityClass>(PRIORITY_CLASSES).filter((one) => one.metadata.name !== metadata.name)
    const other = defaultPriorityClass(others)
    if (other === null) return
    const subject = { group: kind.group, kind: kind.kind, name: metadata.name }
    const message = `the class ${other.metadata.name} is the default already: take globalDefault from it first`
    throw refuse(subject, { path: 'globalDefault', reason: 'FieldValueForbidden', message })
  }
