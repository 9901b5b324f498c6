// JSON patch (RFC 6902): all operations or none, on a copy.
import { ApiError } from '../../errors.ts'
import { checkShape, clonePlain, deepEqual, isRecord, type JsonObject } from '../core/json.ts'
import { listIndex, parsePointer } from './pointer.ts'

/** Operations of one patch at most (as Kubernetes). */
const MAX_OPERATIONS = 10_000
/** Bytes that `copy` operations may add: a few lines of patch must not double a document thirty times. */
const MAX_COPIED_BYTES = 3_145_728

interface State {
  document: unknown
  copied: number
}

/** @returns a new document; `document` stays as it is. @throws ApiError BadRequest (not a patch), Invalid (does not apply) */
export function applyJsonPatch(document: JsonObject, patch: unknown): JsonObject {
  if (!Array.isArray(patch)) throw new ApiError('BadRequest', 'a JSON patch must be a list of operations')
  if (patch.length > MAX_OPERATIONS)
    throw new ApiError('RequestEntityTooLarge', `a JSON patch may have at most ${MAX_OPERATIONS} operations`)
  const state: State = { document: clonePlain(document), copied: 0 }
  for (const [index, operation] of patch.entries()) apply(state, operation, index)
  if (!isRecord(state.document)) throw doesNotApply(patch.length - 1, 'the result is no object')
  return state.document
}

const doesNotApply = (index: number, why: string): ApiError =>
  new ApiError('Invalid', `operation ${index} of the JSON patch does not apply: ${why}`)

function apply(state: State, operation: unknown, index: number): void {
  if (!isRecord(operation)) throw new ApiError('BadRequest', `operation ${index} of the JSON patch is no object`)
  const path = parsePointer(operation.path)
  const fail = (why: string): ApiError => doesNotApply(index, why)
  switch (operation.op) {
    case 'add':
      set(state, path, valueIn(operation, index), 'add', fail)
      return
    case 'replace':
      set(state, path, valueIn(operation, index), 'replace', fail)
      return
    case 'remove':
      remove(state, path, fail)
      return
    case 'move': {
      const from = parsePointer(operation.from)
      if (from.length < path.length && from.every((part, at) => part === path[at]))
        throw fail('a value cannot be moved into itself')
      set(state, path, remove(state, from, fail), 'add', fail)
      return
    }
    case 'copy': {
      const value = shallow(get(state.document, parsePointer(operation.from), fail))
      state.copied += Buffer.byteLength(JSON.stringify(value))
      if (state.copied > MAX_COPIED_BYTES) throw new ApiError('RequestEntityTooLarge', 'the JSON patch copies too much')
      set(state, path, clonePlain(value), 'add', fail)
      return
    }
    case 'test':
      if (!deepEqual(shallow(get(state.document, path, fail)), valueIn(operation, index)))
        throw fail(`the value at ${String(operation.path)} is another one than the test expects`)
      return
    default:
      throw new ApiError('BadRequest', `operation ${index}: op must be add, remove, replace, move, copy or test`)
  }
}

/** Moves can pile up a document far deeper than any that is read; what goes down into it must not meet that. @throws ApiError BadRequest */
function shallow(value: unknown): unknown {
  checkShape(value)
  return value
}

function valueIn(operation: JsonObject, index: number): unknown {
  if (operation.value === undefined)
    throw new ApiError('BadRequest', `operation ${index} of the JSON patch has no value`)
  return clonePlain(operation.value)
}

type Fail = (why: string) => ApiError

function get(document: unknown, path: readonly string[], fail: Fail): unknown {
  let at = document
  for (const part of path) {
    if (Array.isArray(at)) {
      const index = listIndex(part, at.length, at.length - 1)
      if (index === null) throw fail(`there is no item ${part} in the list`)
      at = at[index]
    } else if (isRecord(at) && Object.hasOwn(at, part)) at = at[part]
    else throw fail(`there is no /${path.join('/')}`)
  }
  return at
}

function set(state: State, path: readonly string[], value: unknown, mode: 'add' | 'replace', fail: Fail): void {
  const last = path.at(-1)
  if (last === undefined) {
    state.document = value
    return
  }
  const parent = get(state.document, path.slice(0, -1), fail)
  if (Array.isArray(parent)) {
    const index = listIndex(last, parent.length, mode === 'add' ? parent.length : parent.length - 1)
    if (index === null) throw fail(`there is no place ${last} in the list`)
    parent.splice(index, mode === 'add' ? 0 : 1, value)
  } else if (!isRecord(parent)) throw fail(`/${path.slice(0, -1).join('/')} is neither object nor list`)
  else if (mode === 'replace' && !Object.hasOwn(parent, last)) throw fail(`there is no /${path.join('/')}`)
  else parent[last] = value
}

function remove(state: State, path: readonly string[], fail: Fail): unknown {
  const value = get(state.document, path, fail)
  const last = path.at(-1)
  if (last === undefined) throw fail('the whole document cannot be removed')
  const parent = get(state.document, path.slice(0, -1), fail)
  if (Array.isArray(parent)) parent.splice(Number(last), 1)
  else if (isRecord(parent)) delete parent[last]
  return value
}
