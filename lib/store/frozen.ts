// Makes a parsed JSON value immutable, so that it can be shared by every reader.

/** Freezes `root` and all below it. Iterative: a deeply nested document cannot exhaust the stack. */
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
