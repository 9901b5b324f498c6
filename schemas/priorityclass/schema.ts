// The shape of a PriorityClass.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { Choice, type DeepReadonly, type Defaulted, Int32 } from '../shapes.ts'

export const Fields = Type.Object({
  value: Type.Optional(Int32({ default: 0, description: 'Higher matters more. Users may give up to one billion.' })),
  globalDefault: Type.Optional(
    Type.Boolean({ default: false, description: 'For machines that name no class. One at most.' }),
  ),
  preemptionPolicy: Type.Optional(Choice(['PreemptLowerPriority', 'Never'], { default: 'PreemptLowerPriority' })),
  description: Type.Optional(Type.String()),
})

export interface PriorityClass extends KubeObject, DeepReadonly<Defaulted<Type.Static<typeof Fields>, 'value'>> {}
