// Server-side apply on values: what is applied goes in, what its manager applied before and nobody else wants goes out.
import { isRecord, type JsonObject } from '../core/json.ts'
import { EMPTY, type FieldSet, isEmpty } from './set.ts'
import { type Part, rebuild, type View, viewOf } from './view.ts'

/** `live` with `applied` in it. Lists by key or value keep the live order; new items come last. */
export function mergeApplied(schema: JsonObject, live: unknown, applied: unknown): unknown {
  const old = viewOf(schema, live)
  const next = viewOf(schema, applied)
  if (old.kind === 'whole' || next.kind !== old.kind) return applied
  const wanted = new Map(next.parts.map((part) => [part.element, part]))
  const parts = old.parts.map((part): Part => {
    const over = wanted.get(part.element)
    wanted.delete(part.element)
    return over === undefined ? part : { ...part, value: mergeApplied(part.schema, part.value, over.value) }
  })
  return rebuild(old.kind, [...parts, ...wanted.values()])
}

/**
 * `value` without the fields of `last` that are not in `keep`. An object or an item of a list goes with its last field; fields that
 * are in neither set stay, and with them what they are in.
 */
export function removeUnwanted(schema: JsonObject, value: JsonObject, last: FieldSet, keep: FieldSet): JsonObject {
  const view = viewOf(schema, value)
  if (view.kind !== 'fields') return value
  const rest = rebuild('fields', remaining(view, last, keep))
  return isRecord(rest) ? rest : {}
}

const remaining = (view: Exclude<View, { kind: 'whole' }>, last: FieldSet, keep: FieldSet): readonly Part[] =>
  view.parts.flatMap((part) => {
    const owned = last.children.get(part.element)
    if (owned === undefined) return [part]
    const value = remove(part, owned, keep.children.get(part.element) ?? EMPTY)
    if (value === undefined) return []
    return [{ ...part, value: view.kind === 'items' ? withKeys(part.value, value, view.keys) : value }]
  })

/** What is left of a part that was (partly) in the last set; undefined when nothing is. */
function remove({ schema, value }: Part, last: FieldSet, keep: FieldSet): unknown {
  const view = viewOf(schema, value)
  if (view.kind === 'whole' || view.parts.length === 0) return isEmpty(keep) && last.self ? undefined : value
  const rest = remaining(view, last, keep)
  return rest.length === 0 && isEmpty(keep) ? undefined : rebuild(view.kind, rest)
}

/** An item that stays keeps the fields that tell it from others, whoever wanted them. */
function withKeys(before: unknown, after: unknown, keys: readonly string[]): unknown {
  if (!isRecord(before) || !isRecord(after)) return after
  return { ...Object.fromEntries(keys.flatMap((key) => (key in before ? [[key, before[key]]] : []))), ...after }
}
