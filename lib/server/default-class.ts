// The default class: what a virtual machine gets that names none, and that there is at most one (DVP's webhooks).

import { DEFAULT_CLASS_ANNOTATION, VM_CLASSES, VMS } from '../../schemas/resources.ts'
import type { Admission, Completion } from '../apiserver/core/core.ts'
import { ApiError, type FieldError } from '../errors.ts'
import type { KubeObject } from '../object.ts'
import type { Reader } from '../reconcile/reader.ts'

/** Without a default class the schema says that the name is missing; several are an error that names them. */
export const classByDefault =
  (reader: Pick<Reader, 'list'>): Completion =>
  (kind, { spec }) => {
    if (kind.resource !== VMS || typeof spec !== 'object' || spec === null) return []
    const draft = spec as { virtualMachineClassName?: unknown }
    if ((draft.virtualMachineClassName ?? '') !== '') return []
    const names = defaultClasses(reader)
    const [name] = names
    if (names.length > 1) return [several(names)]
    if (name !== undefined) draft.virtualMachineClassName = name
    return []
  }

const several = (names: readonly string[]): FieldError => ({
  path: 'spec.virtualMachineClassName',
  reason: 'FieldValueRequired',
  message: `is required: the classes ${names.join(', ')} are all marked as the default`,
})

/** A second default class is refused; the mark is taken from the first before. */
export const oneDefaultClass =
  (reader: Pick<Reader, 'list'>): Admission =>
  ({ operation, kind, object, old }) => {
    if (operation === 'delete' || kind.resource !== VM_CLASSES || !isDefault(object)) return
    if (old !== null && isDefault(old)) return
    const { name } = object.metadata
    const other = defaultClasses(reader).find((one) => one !== name)
    if (other === undefined) return
    const message = `the class ${other} is the default already: take the annotation from it first`
    throw new ApiError('Invalid', `VirtualMachineClass "${name}" is invalid: ${message}`, {
      group: kind.group,
      kind: kind.kind,
      name,
      causes: [{ path: `metadata.annotations[${DEFAULT_CLASS_ANNOTATION}]`, reason: 'FieldValueForbidden', message }],
    })
  }

const defaultClasses = (reader: Pick<Reader, 'list'>): readonly string[] =>
  reader
    .list(VM_CLASSES)
    .filter(isDefault)
    .map(({ metadata }) => metadata.name)

const isDefault = ({ metadata }: KubeObject): boolean =>
  metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === 'true' && metadata.deletionTimestamp === undefined
