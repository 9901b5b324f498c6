// The record of field owners beside each write: which halves are compared, by which schema, under which name.
import type { KindDef } from '../../../schemas/kind.ts'
import { timestamp } from '../../clock.ts'
import type { KubeObject } from '../../object.ts'
import { afterCreate, afterUpdate, type Managers, managersOf, type Writer } from '../fields/managers.ts'
import { sentManagers } from '../fields/wire.ts'
import { apiVersionOf } from '../registry.ts'
import type { Core, WriteOptions } from './core.ts'
import type { JsonObject } from './json.ts'
import { canonicalMeta } from './metadata.ts'
import { schemaOf } from './schema.ts'
import { inVersion, servedKind, storageKind } from './versions.ts'

export type Part = 'main' | 'status'

export const writerOf = (core: Core, kind: KindDef, options: WriteOptions, part: Part): Writer => ({
  manager: options.manager,
  apiVersion: apiVersionOf(kind.group, options.version),
  time: timestamp(core.clock.now()),
  own: options.own,
  ...(part === 'status' ? { subresource: 'status' } : {}),
})

/** The half of an object that a write of this part can change. */
export function halfOf(kind: KindDef, object: KubeObject | JsonObject, part: Part): JsonObject {
  const { status, ...main } = object as JsonObject
  if (part === 'status') return status === undefined ? {} : { status }
  return kind.hasStatus || status === undefined ? main : { ...main, status }
}

export const createdBy = (core: Core, kind: KindDef, object: KubeObject, options: WriteOptions): Managers =>
  afterCreate(writerOf(core, kind, options, 'main'), schemaOf(storageKind(core, kind)).schema, {
    ...halfOf(kind, object, 'main'),
  })

/** `next`, of which the record is still that of `current`, with the record after its write. `sent` is what the client sent for it. @throws ApiError */
export function recordUpdate(
  core: Core,
  kind: KindDef,
  { current, next, sent }: { readonly current: KubeObject; readonly next: KubeObject; readonly sent?: unknown },
  options: WriteOptions & { readonly part: Part },
): KubeObject {
  const start = startOf(core, kind, current, sent, options)
  const managers =
    start === 'cleared'
      ? []
      : afterUpdate(start, writerOf(core, kind, options, options.part), {
          schema: schemaOf(storageKind(core, kind)).schema,
          before: halfOf(kind, current, options.part),
          after: halfOf(kind, next, options.part),
        })
  return withManagers(next, managers)
}

function startOf(
  core: Core,
  kind: KindDef,
  current: KubeObject,
  sent: unknown,
  { version }: WriteOptions,
): Managers | 'cleared' {
  if (sent === undefined) return managersOf(current.metadata)
  const live = inVersion(kind, current, version)
  return sentManagers(sent, schemaOf(servedKind(core, kind, version)).schema, live)
}

export const withManagers = (object: KubeObject, managers: Managers): KubeObject =>
  managers === object.metadata.managedFields
    ? object
    : { ...object, metadata: canonicalMeta({ ...object.metadata, managedFields: managers }) }
