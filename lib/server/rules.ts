// What both servers refuse, and fill in, beyond the schemas and rules of the kinds.
import type { Admission, Completion } from '../apiserver/core/core.ts'
import { moveOptionsAreKnown } from '../operations/admission.ts'
import { oneDefaultPriority, priorityClassExists } from '../placement/priority-admission.ts'
import type { Reader } from '../reconcile/reader.ts'
import { sizeFitsClass, startPriorityIsNumber } from './admission.ts'
import { classByDefault, oneDefaultClass } from './default-class.ts'

export const serverAdmission = (reader: Pick<Reader, 'list' | 'get'>): readonly Admission[] => [
  priorityClassExists,
  oneDefaultPriority(reader),
  sizeFitsClass,
  startPriorityIsNumber,
  oneDefaultClass(reader),
  moveOptionsAreKnown,
]

export const serverCompletions = (reader: Pick<Reader, 'list'>): readonly Completion[] => [classByDefault(reader)]
