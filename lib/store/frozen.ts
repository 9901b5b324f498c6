// Plain JSON values that nobody can change, so that they can be shared by every reader.

type Parts = Record<string, unknown>

/** Freezes `root`, which was parsed from JSON, and all below it. Iterative: a deeply nested document cannot exhaust the stack. */
export function deepFreeze<T>(root: T): T {
  const todo: unknown[] = [root]
  while (todo.length > 0) {
    const value = todo.pop()
    if (typeof value !== 'object' || value === null || Object.isFrozen(value)) continue
    Object.freeze(value)
    for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) todo.push(child)
  }
  return root
}

/**
 * What `JSON.parse(JSON.stringify(value))` is, frozen. Parts that are that already, as all that comes out of a store, are taken as they are: of an object that
 * is written anew most is what it was.
 * @returns undefined for what JSON has no word for
 */
export function frozenPlain<T>(value: T): T
export function frozenPlain(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : null
  if (typeof value !== 'object') return undefined
  if (Array.isArray(value)) return frozenList(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return strange(value)
  return frozenObject(value as Parts)
}

function frozenList(list: readonly unknown[]): readonly unknown[] {
  let made: unknown[] | null = Object.isFrozen(list) ? null : []
  for (let index = 0; index < list.length; index += 1) {
    const part = frozenPlain(list[index]) ?? null
    if (made === null && !Object.is(part, list[index])) made = list.slice(0, index)
    made?.push(part)
  }
  return made === null ? list : Object.freeze(made)
}

function frozenObject(object: Parts): Parts {
  if ('toJSON' in object || Object.hasOwn(object, '__proto__')) return strange(object) as Parts
  let made: Parts | null = Object.isFrozen(object) ? null : {}
  for (const key in object) {
    const part = frozenPlain(object[key])
    if (made === null && (part === undefined || !Object.is(part, object[key]))) made = partsBefore(object, key)
    if (made !== null && part !== undefined) made[key] = part
  }
  return made === null ? object : Object.freeze(made)
}

function partsBefore(object: Parts, end: string): Parts {
  const parts: Parts = {}
  for (const key in object) {
    if (key === end) break
    parts[key] = object[key]
  }
  return parts
}

/** What is no plain object says itself what it is in JSON. */
const strange = (value: object): unknown => {
  const text = JSON.stringify(value) as string | undefined
  return text === undefined ? undefined : deepFreeze(JSON.parse(text) as unknown)
}
