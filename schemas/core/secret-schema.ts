// The shape of a Secret.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { StringMap } from '../shapes.ts'

export const Fields = Type.Object({
  type: Type.Optional(Type.String({ default: 'Opaque' })),
  data: Type.Optional(StringMap()),
  stringData: Type.Optional(StringMap()),
  immutable: Type.Optional(Type.Boolean()),
})

export interface Secret extends KubeObject {
  readonly type: string
  /** Base64 by key. */
  readonly data?: Readonly<Record<string, string>>
  readonly immutable?: boolean
}
